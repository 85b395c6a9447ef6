      * Companies and their contacts behind record descriptor words:
      * 64 bytes for segment C, 60 for segment P, cp037.
       01  COMPANY-RECORD.
           05  SEGMENT-ID                      PIC X(05).
               88  IS-COMPANY                  VALUE 'C'.
               88  IS-CONTACT                  VALUE 'P'.
           05  COMPANY-ID                      PIC X(10).
           05  STATIC-DETAILS.
               10  COMPANY-NAME                PIC X(15).
               10  ADDRESS                     PIC X(25).
               10  TAXPAYER.
                   15  TAXPAYER-TYPE           PIC X(01).
                   15  TAXPAYER-STR            PIC X(08).
                   15  TAXPAYER-NUM            REDEFINES TAXPAYER-STR
                                               PIC 9(08) COMP.
           05  CONTACTS                        REDEFINES STATIC-DETAILS.
               10  PHONE-NUMBER                PIC X(17).
               10  CONTACT-PERSON              PIC X(28).
