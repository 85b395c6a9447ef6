      * Daily card transactions: 350 bytes, cp037.
       01  DALYTRAN-RECORD.
           05  ID                              PIC X(16).
           05  TYPE-CD                         PIC X(02).
           05  CAT-CD                          PIC 9(04).
           05  SOURCE                          PIC X(10).
           05  DESC                            PIC X(100).
           05  AMT                             PIC S9(09)V99.
           05  MERCHANT-ID                     PIC 9(09).
           05  MERCHANT-NAME                   PIC X(50).
           05  MERCHANT-CITY                   PIC X(50).
           05  MERCHANT-ZIP                    PIC X(10).
           05  CARD-NUM                        PIC X(16).
           05  ORIG-TS                         PIC X(26).
           05  PROC-TS                         PIC X(26).
           05  FILLER                          PIC X(20).
