      * Clients: 500 bytes, cp037. CLIENT-TYPE tells the view: 0 is
      * the header, 1 the person, 2 the address.
       01  CLIENT-RECORD.
           05  CLIENT-KEY.
               10  CLIENT-ID                   PIC 9(09) COMP.
               10  CLIENT-TYPE                 PIC 9(04) COMP.
                   88  IS-HEADER               VALUE 0.
                   88  IS-PERSON               VALUE 1.
                   88  IS-ADDRESS              VALUE 2.
           05  CLIENT-PERSON.
               10  CLIENT-NAME                 PIC X(30).
               10  CLIENT-BDATE                PIC X(10).
               10  CLIENT-ED-LVL               PIC X(10).
               10  CLIENT-INCOME               PIC 9(07)V99 COMP-3.
               10  FILLER                      PIC X(439).
           05  CLIENT-ADDRESS                  REDEFINES CLIENT-PERSON.
               10  ADDR-NUMBER                 PIC 9(09) COMP.
               10  ADDR-STREET                 PIC X(40).
               10  FILLER                      PIC X(450).
           05  CLIENT-HEADER                   REDEFINES CLIENT-PERSON.
               10  RECORD-COUNT                PIC 9(09) COMP.
               10  FILLER                      PIC X(490).
