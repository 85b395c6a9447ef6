      * A table of employees as DSNTIAUL unloads it: a column that may
      * be NULL has one byte after it, a question mark where it is.
       01  EMP-RECORD.
           05  EMPNO             PIC X(6).
           05  NAME.
             49  NAME-LEN        PIC S9(4) COMP.
             49  NAME-TEXT       PIC X(20).
           05  WORKDEPT          PIC X(3).
           05  WORKDEPT-IND      PIC X.
           05  HIREDATE          PIC X(10).
           05  HIREDATE-IND      PIC X.
           05  SALARY            PIC S9(7)V99 COMP-3.
           05  SALARY-IND        PIC X.
           05  BONUS             PIC S9(7)V99 COMP-3.
           05  BONUS-IND         PIC X.
           05  CHANGED           PIC X(26).
