      * Metro 2, packed format: what follows the record
      * descriptor word. Records are 366 bytes with it.
       01  HEADER.
           05  RECORD-IDENTIFIER         PIC X(6).
           05  CYCLE                     PIC X(2).
           05  INNOVIS-ID                PIC X(10).
           05  EQUIFAX-ID                PIC X(10).
           05  EXPERIAN-ID               PIC X(5).
           05  TRANSUNION-ID             PIC X(10).
           05  ACTIVITY-DATE             PIC 9(8).
           05  CREATED-ON                PIC 9(8).
           05  PROGRAM-DATE              PIC 9(8).
           05  PROGRAM-REVISION-DATE     PIC 9(8).
           05  REPORTER-NAME             PIC X(40).
           05  REPORTER-ADDRESS          PIC X(96).
           05  REPORTER-TELEPHONE        PIC X(10).
           05  SOFTWARE-VENDOR           PIC X(40).
           05  SOFTWARE-VERSION          PIC X(5).
           05  PRBC-ID                   PIC X(10).
           05  FILLER                    PIC X(86).
       01  ACCOUNT.
           05  PROCESSING-INDICATOR      PIC X(1).
           05  TIME-STAMP                PIC 9(14) COMP-3.
           05  FILLER                    PIC X(1).
           05  IDENTIFICATION-NO         PIC X(20).
           05  CYCLE                     PIC X(2).
           05  ACCOUNT-NO                PIC X(30).
           05  PORTFOLIO-TYPE            PIC X(1).
           05  ACCOUNT-TYPE              PIC X(2).
           05  OPENED-ON                 PIC 9(8) COMP-3.
           05  CREDIT-LIMIT              PIC 9(9) COMP-3.
           05  HIGHEST-CREDIT            PIC 9(9) COMP-3.
           05  TERMS-DURATION            PIC X(3).
           05  TERMS-FREQUENCY           PIC X(1).
           05  SCHEDULED-PAYMENT         PIC 9(9) COMP-3.
           05  ACTUAL-PAYMENT            PIC 9(9) COMP-3.
           05  ACCOUNT-STATUS            PIC X(2).
           05  PAYMENT-RATING            PIC X(1).
           05  PAYMENT-HISTORY           PIC X(24).
           05  SPECIAL-COMMENT           PIC X(2).
           05  COMPLIANCE-CONDITION      PIC X(2).
           05  CURRENT-BALANCE           PIC 9(9) COMP-3.
           05  PAST-DUE                  PIC 9(9) COMP-3.
           05  CHARGED-OFF               PIC 9(9) COMP-3.
           05  AS-OF                     PIC 9(8) COMP-3.
           05  DELINQUENT-SINCE          PIC 9(8) COMP-3.
           05  CLOSED-ON                 PIC 9(8) COMP-3.
           05  LAST-PAID-ON              PIC 9(8) COMP-3.
           05  INTEREST-TYPE             PIC X(1).
           05  FILLER                    PIC X(17).
           05  SURNAME                   PIC X(25).
           05  FIRST-NAME                PIC X(20).
           05  MIDDLE-NAME               PIC X(20).
           05  GENERATION                PIC X(1).
           05  SOCIAL-SECURITY-NO        PIC 9(9) COMP-3.
           05  BORN-ON                   PIC 9(8) COMP-3.
           05  TELEPHONE                 PIC 9(10) COMP-3.
           05  ECOA                      PIC X(1).
           05  CONSUMER-INFORMATION      PIC X(2).
           05  COUNTRY                   PIC X(2).
           05  ADDRESS-1                 PIC X(32).
           05  ADDRESS-2                 PIC X(32).
           05  CITY                      PIC X(20).
           05  STATE                     PIC X(2).
           05  POSTAL-CODE               PIC X(9).
           05  ADDRESS-INDICATOR         PIC X(1).
           05  RESIDENCE                 PIC X(1).
       01  TRAILER.
           05  RECORD-IDENTIFIER         PIC X(7).
           05  BASE-SEGMENTS             PIC 9(9) COMP-3.
           05  FILLER                    PIC X(5).
           05  STATUS-DF                 PIC 9(9) COMP-3.
           05  J1-SEGMENTS               PIC 9(9) COMP-3.
           05  J2-SEGMENTS               PIC 9(9) COMP-3.
           05  BLOCKS                    PIC 9(9) COMP-3.
           05  STATUS-DA                 PIC 9(9) COMP-3.
           05  STATUS-05                 PIC 9(9) COMP-3.
           05  STATUS-11                 PIC 9(9) COMP-3.
           05  STATUS-13                 PIC 9(9) COMP-3.
           05  STATUS-61                 PIC 9(9) COMP-3.
           05  STATUS-62                 PIC 9(9) COMP-3.
           05  STATUS-63                 PIC 9(9) COMP-3.
           05  STATUS-64                 PIC 9(9) COMP-3.
           05  STATUS-65                 PIC 9(9) COMP-3.
           05  STATUS-71                 PIC 9(9) COMP-3.
           05  STATUS-78                 PIC 9(9) COMP-3.
           05  STATUS-80                 PIC 9(9) COMP-3.
           05  STATUS-82                 PIC 9(9) COMP-3.
           05  STATUS-83                 PIC 9(9) COMP-3.
           05  STATUS-84                 PIC 9(9) COMP-3.
           05  STATUS-88                 PIC 9(9) COMP-3.
           05  STATUS-89                 PIC 9(9) COMP-3.
           05  STATUS-93                 PIC 9(9) COMP-3.
           05  STATUS-94                 PIC 9(9) COMP-3.
           05  STATUS-95                 PIC 9(9) COMP-3.
           05  STATUS-96                 PIC 9(9) COMP-3.
           05  STATUS-97                 PIC 9(9) COMP-3.
           05  ECOA-Z                    PIC 9(9) COMP-3.
           05  N1-SEGMENTS               PIC 9(9) COMP-3.
           05  K1-SEGMENTS               PIC 9(9) COMP-3.
           05  K2-SEGMENTS               PIC 9(9) COMP-3.
           05  K3-SEGMENTS               PIC 9(9) COMP-3.
           05  K4-SEGMENTS               PIC 9(9) COMP-3.
           05  L1-SEGMENTS               PIC 9(9) COMP-3.
           05  SOCIAL-SECURITY-NOS       PIC 9(9) COMP-3.
           05  SOCIAL-SECURITY-NOS-BASE  PIC 9(9) COMP-3.
           05  SOCIAL-SECURITY-NOS-J1    PIC 9(9) COMP-3.
           05  SOCIAL-SECURITY-NOS-J2    PIC 9(9) COMP-3.
           05  BIRTH-DATES               PIC 9(9) COMP-3.
           05  BIRTH-DATES-BASE          PIC 9(9) COMP-3.
           05  BIRTH-DATES-J1            PIC 9(9) COMP-3.
           05  BIRTH-DATES-J2            PIC 9(9) COMP-3.
           05  TELEPHONES                PIC 9(9) COMP-3.
           05  FILLER                    PIC X(135).
