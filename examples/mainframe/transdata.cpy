      * Transfers: 45 bytes, cp037, binary amount.
       01  TRANSDATA-RECORD.
           05  CURRENCY                        PIC X(03).
           05  SIGNATURE                       PIC X(08).
           05  COMPANY-NAME                    PIC X(15).
           05  COMPANY-ID                      PIC X(10).
           05  WEALTH-QFY                      PIC 9.
           05  AMOUNT                          PIC S9(09)V99 BINARY.
