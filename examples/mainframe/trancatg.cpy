      * Transaction categories: 60 bytes, cp037.
       01  TRAN-CAT-RECORD.
           05  TRAN-CAT-KEY.
               10  TYPE-CD                     PIC X(02).
               10  CAT-CD                      PIC 9(04).
           05  TYPE-DESC                       PIC X(50).
           05  FILLER                          PIC X(04).
