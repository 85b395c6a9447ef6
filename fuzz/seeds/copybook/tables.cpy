000100 01  TABLES.                                                      CHANGED1
000200     05  MATRIX OCCURS 2.
000300         10  CELL PIC S9(9) COMP SYNC OCCURS 3 VALUE +1.
000400     05  OUTER-COUNT         PIC 9.
000500     05  OUTER               OCCURS 1 TO 3 TIMES
000600                             DEPENDING ON OUTER-COUNT.
000700         10  INNER-COUNT     PIC S9(4) COMP.
000800         10  INNER OCCURS 0 TO 2 DEPENDING ON INNER-COUNT
000900                             INDEXED BY IX.
001000             15  AMOUNT      PIC S9(5)V99 COMP-3.
001100             15  FILLER      PIC X.
001200*    a comment
001300     05  CLOSING             PIC X(70) VALUE 'a literal that goes on
001400-    ' in the next line'.
