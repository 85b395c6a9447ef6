      * Cards: 150 bytes, cp037.
       01  CARD-RECORD.
           05  NUM                             PIC X(16).
           05  ACCT-ID                         PIC 9(11).
           05  CVV-CD                          PIC 9(03).
           05  EMBOSSED-NAME                   PIC X(50).
           05  EXPIRATION-DATE                 PIC X(10).
           05  ACTIVE-STATUS                   PIC X(01).
           05  FILLER                          PIC X(59).
