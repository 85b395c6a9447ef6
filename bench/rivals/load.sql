-- A bare load of the bench's file with psql: the source's table.
--   psql URL -v file=rows.csv -f load.sql
\set ON_ERROR_STOP on
CREATE TABLE source (
    account text, product text, amount numeric(15,2), booked_on date, id text PRIMARY KEY, text text,
    exact numeric(38,10), entered_at timestamp, note text
);
\set copy '\\copy source FROM ' :'file' ' (FORMAT csv, HEADER)'
:copy
