      * Ledger postings: 100 bytes a record, cp037. RECORD-TYPE tells
      * the view: a header, the postings, a trailer that must foot.
       01  LEDGER-RECORD.
           05  RECORD-TYPE                     PIC X.
               88  IS-HEADER                   VALUE 'H'.
               88  IS-POSTING                  VALUE 'P'.
               88  IS-TRAILER                  VALUE 'T'.
           05  POSTING.
               10  POSTING-ID                  PIC X(32).
               10  ACCOUNT                     PIC X(12).
               10  BOOKED-ON                   PIC 9(08).
               10  AMOUNT                      PIC S9(13)V99 COMP-3.
               10  CURRENCY                    PIC X(03).
               10  BRANCH                      PIC 9(04) COMP.
               10  TERMINAL                    PIC 9(05).
               10  NARRATIVE                   PIC X(29).
           05  HEADER                          REDEFINES POSTING.
               10  BUSINESS-DATE               PIC 9(08).
               10  FILE-NUMBER                 PIC 9(05).
               10  FILLER                      PIC X(86).
           05  TRAILER                         REDEFINES POSTING.
               10  RECORD-COUNT                PIC 9(09) COMP.
               10  AMOUNT-TOTAL                PIC S9(15)V99 COMP-3.
               10  TURNOVER                    PIC S9(15)V99 COMP-3.
               10  BRANCH-HASH                 PIC 9(06).
               10  FILLER                      PIC X(71).
