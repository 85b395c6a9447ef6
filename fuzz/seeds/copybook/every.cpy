       01  EVERYTHING.
           05  ID              PIC X(4).
           05  ZONED           PIC S9(5)V99.
           05  LEADING-SIGN    PIC S9(3) SIGN LEADING.
           05  APART           PIC S9(3)V9 SIGN TRAILING SEPARATE.
           05  PACKED          PIC S9(6)V99 COMP-3.
           05  PACKED-LONG     PIC S9(31)V9(7) COMP-3.
           05  BINARY-2        PIC S9(4) COMP.
           05  BINARY-8        PIC S9(16)V99 COMP.
           05  NATIVE          PIC 9(9) COMP-5.
           05  UNSIGNED-PACKED PIC 9(4) COMP-6.
           05  FLOAT-4         COMP-1.
           05  FLOAT-8         COMP-2.
           05  EDITED          PIC ZZ9.99-.
           05  BOOKED          PIC 9(8).
           05  KIND            PIC X.
               88  KNOWN       VALUE 'A' 'B'.
           05  TIMES           PIC 9.
           05  LINES           OCCURS 0 TO 3 TIMES DEPENDING ON TIMES.
               10  AMOUNT      PIC S9(3)V99 COMP-3.
           05  CLOSING         PIC X(3).
