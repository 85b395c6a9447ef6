      * Which card belongs to which customer and account: 50 bytes,
      * cp037.
       01  CARD-XREF-RECORD.
           05  CARD-NUM                        PIC X(16).
           05  CUST-ID                         PIC 9(09).
           05  ACCT-ID                         PIC 9(11).
           05  FILLER                          PIC X(14).
