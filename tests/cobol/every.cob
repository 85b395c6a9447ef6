       IDENTIFICATION DIVISION.
       PROGRAM-ID. EVERY.
       ENVIRONMENT DIVISION.
       INPUT-OUTPUT SECTION.
       FILE-CONTROL.
           SELECT OUT-FILE ASSIGN TO "every.dat"
               ORGANIZATION IS SEQUENTIAL.
       DATA DIVISION.
       FILE SECTION.
       FD  OUT-FILE.
           COPY "every.cpy".
       WORKING-STORAGE SECTION.
       01  SEED              PIC 9(18) COMP-5 VALUE 20240229.
       01  DRAWN             PIC S9(18) COMP-5.
       01  PLACE             PIC 9(9) COMP-5.
       01  HOW-MANY          PIC 9(9) COMP-5 VALUE 500.
       01  CENTS             PIC S9(16)V99.
       01  SMALL-SUM         PIC S9(5)V99.
       PROCEDURE DIVISION.
           OPEN OUTPUT OUT-FILE
           PERFORM VARYING PLACE FROM 1 BY 1 UNTIL PLACE > HOW-MANY
               PERFORM DRAW
               MOVE CENTS TO U-DISPLAY
               PERFORM DRAW
               MOVE CENTS TO S-TRAILING S-LEADING
               PERFORM DRAW
               MOVE CENTS TO S-SEPARATE S-BEFORE
               PERFORM DRAW
               MOVE CENTS TO U-PACKED S-PACKED
               PERFORM DRAW
               MOVE CENTS TO U-COMP-6 S-HALF
               PERFORM DRAW
               MOVE CENTS TO S-WORD S-DOUBLE
               PERFORM DRAW
               MOVE CENTS TO U-WORD S-NATIVE
               COMPUTE SHORT-FLOAT = CENTS / 8
               COMPUTE LONG-FLOAT = CENTS / 3
               PERFORM DRAW
               MOVE CENTS TO EDITED SMALL-SUM
      * Digits that are cut off would count as printed ones.
               MOVE SMALL-SUM TO CURRENT-SUM
               MOVE DRAWN TO NAME-TEXT
               MOVE PLACE TO FLUSH-RIGHT
               WRITE REC
               DISPLAY U-DISPLAY "|" S-TRAILING "|" S-LEADING "|"
                   S-SEPARATE "|" S-BEFORE "|" U-PACKED "|"
                   S-PACKED "|" U-COMP-6 "|" S-HALF "|" S-WORD "|"
                   S-DOUBLE "|" U-WORD "|" S-NATIVE "|"
                   SHORT-FLOAT "|" LONG-FLOAT "|" EDITED "|"
                   CURRENT-SUM "|" NAME-TEXT "|" FLUSH-RIGHT "|"
           END-PERFORM
           CLOSE OUT-FILE
           STOP RUN.
       DRAW.
           COMPUTE SEED = FUNCTION MOD(SEED * 48271, 2147483647)
           COMPUTE DRAWN = SEED - 1073741823
           EVALUATE FUNCTION MOD(PLACE, 5)
               WHEN 0 COMPUTE CENTS = FUNCTION MOD(SEED, 199) - 99
               WHEN 1 COMPUTE CENTS = DRAWN / 100
               WHEN 2 COMPUTE CENTS = DRAWN * 1000.01
               WHEN 3 COMPUTE CENTS = DRAWN / 100000
               WHEN 4 MOVE ZERO TO CENTS
           END-EVALUATE.
