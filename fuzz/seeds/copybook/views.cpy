       01  VIEWS.
           05  KIND                PIC X.
               88  IS-A            VALUE 'A'.
               88  IS-OTHER        VALUES 'B' 'C' THRU 'F'.
           05  FIRST-VIEW.
               10  TEXTS           PIC X(10) JUSTIFIED RIGHT.
               10  NUMBERS         PIC S9(3)V9 SIGN LEADING SEPARATE.
           05  SECOND-VIEW REDEFINES FIRST-VIEW.
               10  AMOUNT          PIC $$,$$9.99CR.
               10  FILLER          PIC X(4).
           05  THIRD-VIEW REDEFINES FIRST-VIEW.
               10  SHORT           PIC 9(7) BLANK WHEN ZERO.
               10  PARTS REDEFINES SHORT.
                   15  PART        PIC 9 OCCURS 7.
           66  BOTH RENAMES KIND THRU FIRST-VIEW.
       01  OTHER-RECORD.
           05  NATIONALS           PIC N(3) USAGE NATIONAL.
           05  SCALED              PIC S9(3)PPP COMP-3.
           05  SCALED-DOWN         PIC VPP99.
       77  ALONE                   PIC 9(4) COMP-5 VALUE ZERO.
