      * Customers: 500 bytes, cp037.
       01  CUSTOMER-RECORD.
           05  ID                              PIC 9(09).
           05  FIRST-NAME                      PIC X(25).
           05  MIDDLE-NAME                     PIC X(25).
           05  LAST-NAME                       PIC X(25).
           05  ADDR-1                          PIC X(50).
           05  ADDR-2                          PIC X(50).
           05  ADDR-3                          PIC X(50).
           05  STATE                           PIC X(02).
           05  COUNTRY                         PIC X(03).
           05  ZIP                             PIC X(10).
           05  PHONE-1                         PIC X(15).
           05  PHONE-2                         PIC X(15).
           05  SSN                             PIC 9(09).
           05  GOVT-ID                         PIC X(20).
           05  DOB                             PIC X(10).
           05  EFT-ACCOUNT                     PIC X(10).
           05  PRIMARY-HOLDER                  PIC X(01).
           05  FICO                            PIC 9(03).
           05  FILLER                          PIC X(168).
