      * A table of varying length: 36 to 306 bytes behind the record
      * descriptor word, cp037.
       01  COBVBFM2-RECORD.
           05  REC-KEY.
               10  REC-TYPE                    PIC XX.
               10  REC-SEQT                    PIC 99.
           05  REC-CNT                         PIC S999 COMP-3.
           05  REC                             OCCURS 1 TO 10 TIMES
                                               DEPENDING ON REC-CNT.
               10  REC-NO                      PIC 9(09).
               10  REC-NAME                    PIC X(21).
