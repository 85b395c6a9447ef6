      * The same employees as the UNLOAD utility writes them with
      * HEADER NONE: the indicator stands before its column, X'FF' for
      * NULL and X'00' for a value.
       01  EMP-RECORD.
           05  EMPNO             PIC X(6).
           05  WORKDEPT-IND      PIC X.
           05  WORKDEPT          PIC X(3).
           05  SALARY-IND        PIC X.
           05  SALARY            PIC S9(7)V99 COMP-3.
           05  BONUS-IND         PIC X.
           05  BONUS             PIC S9(7)V99 COMP-3.
