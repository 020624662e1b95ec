"""Bodies of columns as pyarrow writes them: `write FOLDER`, beside the same rows as JSON; `ask URL TOKEN ROWS` sends some."""

import datetime
import decimal
import io
import json
import sys
import urllib.request
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

STREAM, FILE = "application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.file"
NOON = datetime.datetime(2020, 9, 13, 12, 26, 40, 1)
DAY = datetime.date(2020, 9, 13)


def cases():
    """Of each type of a model's columns: arrays, and the values that JSON has for them."""
    wholes = [1, None, 0, 100]
    for kind in (pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()):
        for column in ("integer", "long", "float", "double"):
            yield column, pa.array(wholes, kind), wholes
        yield "boolean", pa.array([1, 0, None], kind), [1, 0, None]
        yield "string", pa.array([1], kind), [1]
    yield "long", pa.array([-(2**63), 2**63 - 1]), [-(2**63), 2**63 - 1]
    yield "long", pa.array([2**64 - 1], pa.uint64()), [2**64 - 1]
    yield "double", pa.array([2**64 - 1], pa.uint64()), [2**64 - 1]
    yield "integer", pa.array([2**31]), [2**31]
    numbers = [0.5, None, -2.0, 1e300]
    for kind, some in ((pa.float16(), numbers[:3]), (pa.float32(), numbers[:3]), (pa.float64(), numbers)):
        for column in ("integer", "long", "float", "double", "string", "boolean"):
            yield column, pa.array(some, kind), some
            yield column, pa.array([3.0, 4.0], kind), [3.0, 4.0]
    # What pandas has for a missing number.
    yield "double", pa.array([float("nan"), 1.0]), [None, 1.0]
    yield "long", pa.array([float("nan"), 1.0]), [None, 1.0]
    for column in ("boolean", "long", "double", "string"):
        yield column, pa.array([True, None, False] * 9), [True, None, False] * 9
        yield column, pa.nulls(3), [None] * 3
    texts = ["a", None, "", "ä😀 longer than twelve bytes", "a"]
    for kind in (pa.string(), pa.large_string(), pa.string_view()):
        for column in ("string", "double", "datetime"):
            yield column, pa.array(texts, kind), texts
    for index in (pa.int8(), pa.uint16(), pa.int32(), pa.int64()):
        yield "string", pa.array(texts).dictionary_encode().cast(pa.dictionary(index, pa.string())), texts
    yield "string", pa.DictionaryArray.from_arrays(pa.array([0, 1, None]), pa.array([None, "b"])), [None, "b", None]
    yield "string", pa.DictionaryArray.from_arrays(pa.array([None, None], pa.int8()), pa.array([], pa.string())), [None] * 2
    yield "long", pa.array([7, 7, 8, None]).dictionary_encode(), [7, 7, 8, None]
    for unit in ("s", "ms", "us", "ns"):
        time = NOON.replace(microsecond=1 if unit in ("us", "ns") else 0)
        for column in ("datetime", "long"):
            yield column, pa.array([time, None], pa.timestamp(unit)), [time.isoformat(), None]
            yield column, pa.array([time, None], pa.timestamp(unit, "Europe/Berlin")), [time.isoformat() + "Z", None]
    for kind in (pa.date32(), pa.date64()):
        yield "datetime", pa.array([DAY, None], kind), [DAY.isoformat(), None]
    yield "datetime", pa.array(["2020-09-13T12:26:40Z", "x"]), ["2020-09-13T12:26:40Z", "x"]
    some = ["7.25", None, "-0.001", "12345678901234567.123"]
    for kind in (pa.decimal128(22, 3), pa.decimal256(40, 3), pa.decimal128(38, 3)):
        decimals = pa.array([text and decimal.Decimal(text) for text in some], kind)
        yield "double", decimals, [text and float(text) for text in some]
    for kind in (pa.decimal32(5, 2), pa.decimal64(12, 2), pa.decimal128(5, 2)):
        yield "float", pa.array([decimal.Decimal("7.25")], kind), [7.25]
    yield "double", pa.array([b"1"]), [[]]
    yield "long", pa.array([1], pa.time64("us")), [[]]
    yield "long", pa.array([1], pa.duration("s")), [[]]


def stream(table, form=STREAM, *, batch=2, options=None):
    """A table in one of Arrow's formats, in batches of two rows."""
    sink, new = io.BytesIO(), pa.ipc.new_stream if form == STREAM else pa.ipc.new_file
    with new(sink, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=batch)
    return sink.getvalue()


def parquet(table, **options):
    """A table as a file of Parquet's."""
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


PARQUET = [
    {},
    {"compression": "gzip", "use_dictionary": False, "row_group_size": 3},
    {"compression": "none", "data_page_version": "2.0", "version": "1.0"},
    {"data_page_version": "2.0", "use_dictionary": False, "data_page_size": 1},
    {"use_deprecated_int96_timestamps": True, "dictionary_pagesize_limit": 1},
]


def refusals():
    """What is small and says that it is large, or is of a kind that is not taken; and what the answer says."""
    yield "f.arrows", stream(pa.table({"value": pa.nulls(10**9)}), batch=10**9), "rows"
    yield (
        "g.arrows",
        stream(pa.table({"value": pa.nulls(10**6)}), batch=10**6),
        "the most that a body of this length may have",
    )
    long = pa.DictionaryArray.from_arrays(pa.array([0] * 1000, pa.int8()), pa.array(["x" * 100_000]))
    yield "h.arrows", stream(pa.table({"value": long}), batch=1000), "texts are too long"
    table = pa.table({"value": ["a", "b"] * 100})
    for codec in ("lz4", "zstd"):
        yield f"{codec}.arrows", stream(table, options=pa.ipc.IpcWriteOptions(compression=codec)), "compressed columns"
        yield f"{codec}.parquet", parquet(table, compression=codec), "without compression"
    sink, options = io.BytesIO(), pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True)
    with pa.ipc.new_stream(sink, pa.schema({"value": pa.dictionary(pa.int8(), pa.string())}), options=options) as writer:
        for texts in (["a"], ["a", "b"]):
            array = pa.DictionaryArray.from_arrays(pa.array([0], pa.int8()), pa.array(texts))
            writer.write_batch(pa.record_batch({"value": array}))
    yield "d.arrows", sink.getvalue(), "dictionaries that grow"
    for at, nested in enumerate((pa.array([[1]]), pa.array([{"a": 1}]))):
        yield f"n{at}.arrows", stream(pa.table({"value": nested})), "lists, structs or runs"
        yield f"n{at}.parquet", parquet(pa.table({"value": nested})), "lists or structs"
    yield "t.arrows", stream(pa.table([["a"], ["b"]], ["value", "value"])), "named twice"
    yield "e.arrows", stream(table.slice(0, 0)), "no rows"
    yield "e.parquet", parquet(table.slice(0, 0)), "no rows"
    yield "x.arrows", stream(table)[:-300], ""
    yield (
        "r.parquet",
        parquet(pa.table({"value": pa.repeat("a", 2_000_000)})),
        "the most that a body of this length may have",
    )
    yield "p.parquet", parquet(pa.table({"value": pa.repeat("x" * 100_000, 1000)})), "texts are too long"
    yield (
        "z.parquet",
        parquet(pa.table({"value": ["x" * 5_000_000]}), compression="gzip"),
        "too long when it is decompressed",
    )
    encodings = {"use_dictionary": False, "column_encoding": {"value": "DELTA_BYTE_ARRAY"}}
    yield "b.parquet", parquet(table, **encodings), "DELTA_BYTE_ARRAY"
    yield "m.parquet", b"PAR1PAR1", "not a file of Parquet's"
    yield "m.arrow", b"ARROW1ARROW1", "not a file of Arrow's"


def write(folder):
    """Every case in every form: `N-TYPE.json`, and `N-FORM.arrow` or `.parquet`."""
    for at, (column, array, values) in enumerate(cases()):
        table = pa.table({"other": pa.array(range(len(array))), "value": array, "more": pa.array(["x"] * len(array))})
        bodies = {"s.arrows": stream(table), "f.arrow": stream(table, FILE)}
        # Parquet itself has no spans of time, and these times no zone.
        zoned = pa.types.is_timestamp(array.type) and array.type.tz
        forms = [] if pa.types.is_duration(array.type) else PARQUET[:-1] if zoned else PARQUET
        for number, options in enumerate(forms):
            try:
                bodies[f"{number}.parquet"] = parquet(table, **options)
            except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
                pass  # Parquet has no such type, or this version of it.
        (folder / f"{at}-{column}.json").write_text(json.dumps({"inputs": {"value": values}}))
        for name, body in bodies.items():
            (folder / f"{at}-{name}").write_bytes(body)
    said = {}
    for name, body, text in refusals():
        (folder / f"refused-{name}").write_bytes(body)
        said[f"refused-{name}"] = text
    (folder / "refused.said").write_text(json.dumps(said))


def given(folder, described):
    """Tables of a model's columns as files of Parquet's, as pandas reads them for MLflow."""
    described = json.loads(described)
    kinds = {"double": pa.float64(), "float": pa.float32(), "long": pa.int64(), "string": pa.string(), "boolean": pa.bool_()}
    for at, table in enumerate(described["tables"]):
        columns = zip(described["columns"], table, strict=True)
        arrays = {column["name"]: pa.array(values, kinds[column["type"]]) for column, values in columns}
        (folder / f"{at}.parquet").write_bytes(parquet(pa.table(arrays), **PARQUET[at % len(PARQUET)]))


def send(url, body, *, token, content_type, accept="application/json"):
    """The status, the headers and the body of an answer."""
    headers = {"Content-Type": content_type, "Accept": accept, "Authorization": f"Bearer {token}"}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=60) as answer:
        return answer.headers, answer.read()


def ask(url, token, rows):
    """Sends rows in every form; all must be answered alike."""
    for query, columns, array in json.loads(rows):
        target, body = f"{url}/{query}", json.dumps({"inputs": array or columns}).encode()
        _, wanted = send(target, body, token=token, content_type="application/json")
        wanted = json.loads(wanted)
        table = pa.table(columns)
        for form, body in ((STREAM, stream(table)), (FILE, stream(table, FILE))):
            headers, answer = send(target, body, token=token, content_type=form)
            assert headers["Content-Type"] == "application/json", headers
            assert json.loads(answer) == wanted, (query, answer, wanted)
        headers, answer = send(target, stream(table), token=token, content_type=STREAM, accept=f"{STREAM}, */*;q=0.1")
        assert headers["Content-Type"] == STREAM, headers
        compare(pa.ipc.open_stream(answer).read_all(), wanted)


def compare(table, wanted):
    """An answer of Arrow's, with the JSON one."""
    told = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    for name in ("model_name", "decision_of"):
        assert told.get(name) == wanted.pop(name, None), told
    for name in ("model_version", "classes", "columns"):
        assert json.loads(told.get(name, "null")) == wanted.pop(name, None), told
    if "explanations" in wanted:
        values = wanted["explanations"].pop("values")
        assert json.loads(told["explanations"]) == wanted["explanations"], told
        wanted["explanations"] = values
    assert table.to_pydict() == wanted, (table.to_pydict(), wanted)
    assert list(table.column_names) == list(wanted), (table.column_names, wanted)


if sys.argv[1] == "write":
    write(Path(sys.argv[2]))
elif sys.argv[1] == "parquet":
    given(Path(sys.argv[2]), sys.argv[3])
else:
    ask(*sys.argv[2:])
