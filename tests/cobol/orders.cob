       IDENTIFICATION DIVISION.
       PROGRAM-ID. ORDERS-OUT.
       ENVIRONMENT DIVISION.
       INPUT-OUTPUT SECTION.
       FILE-CONTROL.
           SELECT OUT-FILE ASSIGN TO "orders.dat"
               ORGANIZATION IS SEQUENTIAL.
       DATA DIVISION.
       FILE SECTION.
       FD  OUT-FILE RECORD IS VARYING IN SIZE FROM 10 TO 217
               DEPENDING ON OUT-LENGTH.
       01  OUT-RECORD        PIC X(217).
       WORKING-STORAGE SECTION.
           COPY "orders.cpy".
       01  OUT-LENGTH        PIC 9(4) COMP-5.
       01  SLIDES            PIC X.
       01  PLACE             PIC 9(5).
       01  NUM               PIC 9(2).
       01  AT-BYTE           PIC 9(4) COMP-5.
       01  SHOWN-AMOUNT      PIC -(7)9.99.
       01  SHOWN-ONE         PIC -(5)9.99.
       01  SHOWN-TWO         PIC -(5)9.99.
       PROCEDURE DIVISION.
           ACCEPT SLIDES FROM ENVIRONMENT "SLIDES"
           OPEN OUTPUT OUT-FILE
           PERFORM VARYING PLACE FROM 1 BY 1 UNTIL PLACE > 200
               MOVE 9 TO LINES-CNT
               MOVE SPACES TO ORDERS
               MOVE SPACES TO OUT-RECORD
               COMPUTE LINES-CNT = FUNCTION MOD(PLACE * 7, 10)
               MOVE PLACE TO ORDER-NO
               PERFORM VARYING NUM FROM 1 BY 1 UNTIL NUM > LINES-CNT
                   MOVE NUM TO SKU(NUM)
                   COMPUTE AMOUNT(NUM) = PLACE * 13 - NUM * 777.77
                   COMPUTE LEVIED(NUM, 1) = AMOUNT(NUM) / 10
                   COMPUTE LEVIED(NUM, 2) = NUM - 5
                   MOVE AMOUNT(NUM) TO SHOWN-AMOUNT
                   MOVE LEVIED(NUM, 1) TO SHOWN-ONE
                   MOVE LEVIED(NUM, 2) TO SHOWN-TWO
                   DISPLAY PLACE "|" NUM "|" SKU(NUM) "|" SHOWN-AMOUNT
                       "|" SHOWN-ONE "|" SHOWN-TWO
               END-PERFORM
               MOVE "EUR" TO CURRENCY-CD
               IF SLIDES = "Y"
                   COMPUTE OUT-LENGTH = 10 + 23 * LINES-CNT
                   MOVE ORDERS TO OUT-RECORD
               ELSE
      * Item by item: GnuCOBOL 3.1 moves such a group short.
                   MOVE 217 TO OUT-LENGTH
                   MOVE ORDER-NO TO OUT-RECORD(1:5)
                   MOVE LINES-CNT TO OUT-RECORD(6:2)
                   PERFORM VARYING NUM FROM 1 BY 1
                           UNTIL NUM > LINES-CNT
                       COMPUTE AT-BYTE = 23 * NUM - 15
                       MOVE ORDER-LINE(NUM) TO OUT-RECORD(AT-BYTE:23)
                   END-PERFORM
                   MOVE CURRENCY-CD TO OUT-RECORD(215:3)
               END-IF
               WRITE OUT-RECORD
           END-PERFORM
           CLOSE OUT-FILE
           STOP RUN.
