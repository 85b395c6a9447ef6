       01  ORDERS.
           05  ORDER-NO    PIC 9(5).
           05  LINES-CNT   PIC 9(2).
           05  ORDER-LINE  OCCURS 0 TO 9 TIMES DEPENDING ON LINES-CNT.
               10  SKU     PIC X(4).
               10  AMOUNT  PIC S9(7)V99 COMP-3.
               10  TAX     OCCURS 2 TIMES.
                   15  LEVIED PIC S9(5)V99.
           05  CURRENCY-CD PIC X(3).
