"""Compares two tables with datacompy and prints the keys that it reports, as JSON.

    frames.py URL SOURCE TARGET pandas|polars COLUMN...

Run in the bench's virtual environment. Amounts are read as decimals, not as doubles (coerce_float, schema_overrides),
so that no digit is lost before the comparison; tolerances are datacompy's default, 0.
"""
import json, sys, warnings
import datacompy

url, source, target, engine, *columns = sys.argv[1:]
query = f"SELECT {', '.join(columns)} FROM {{}}"
warnings.simplefilter("ignore")
if engine == "pandas":
    import pandas, sqlalchemy
    with sqlalchemy.create_engine(url).connect() as connection:
        frames = [pandas.read_sql(sqlalchemy.text(query.format(one)), connection, coerce_float=False)
                  for one in (source, target)]
    compared = datacompy.PandasCompare(*frames, join_columns="id")
else:
    import polars, psycopg2
    wide = {"amount": polars.Decimal(15, 2), "exact": polars.Decimal(38, 10)}
    with psycopg2.connect(url) as connection:
        frames = [polars.read_database(query.format(one), connection, schema_overrides=wide, infer_schema_length=None)
                  for one in (source, target)]
    compared = datacompy.PolarsCompare(*frames, join_columns="id")


def keys(frame):
    return [str(one) for one in frame["id"]] if len(frame) else []


json.dump({"matches": bool(compared.matches()), "only_source": keys(compared.df1_unq_rows),
           "only_target": keys(compared.df2_unq_rows), "differing": keys(compared.all_mismatch())}, sys.stdout)
