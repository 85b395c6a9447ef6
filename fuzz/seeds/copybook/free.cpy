01 Free-Record. *> a comment
05 Count-Of PIC 9(2). 05 Lines-Of occurs 0 to 5 times depending on Count-Of.
10 Item-Name pic x(3) value "a ""quoted"" text". 10 Item-Amount packed-decimal pic s9(5)v9(2).
05 A-Float comp-1. 05 B-Float comp-2.
01 Addresses. 05 Idx usage index. 05 Ptr usage pointer.
