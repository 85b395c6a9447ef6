       01  REC.
           05  U-DISPLAY     PIC 9(7)V99.
           05  S-TRAILING    PIC S9(7)V99.
           05  S-LEADING     PIC S9(5) SIGN LEADING.
           05  S-SEPARATE    PIC S9(5)V9 SIGN TRAILING SEPARATE.
           05  S-BEFORE      PIC S9(5) SIGN LEADING SEPARATE.
           05  U-PACKED      PIC 9(9)V99 COMP-3.
           05  S-PACKED      PIC S9(10)V99 COMP-3.
           05  U-COMP-6      PIC 9(7) COMP-6.
           05  S-HALF        PIC S9(4) COMP.
           05  S-WORD        PIC S9(9) COMP.
           05  S-DOUBLE      PIC S9(16)V99 COMP.
           05  U-WORD        PIC 9(9) COMP.
           05  S-NATIVE      PIC S9(9) COMP-5.
           05  SHORT-FLOAT   COMP-1.
           05  LONG-FLOAT    COMP-2.
           05  EDITED        PIC Z,ZZZ,ZZ9.99-.
           05  CURRENT-SUM   PIC $$$,$$9.99.
           05  NAME-TEXT     PIC X(12).
           05  FLUSH-RIGHT   PIC X(8) JUSTIFIED RIGHT.
