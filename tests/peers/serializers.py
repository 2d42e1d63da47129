"""The other side of the serializers: reads what they wrote, and writes what they read.

Usage: serializers.py check FOLDER   checks every file that FOLDER/spec.json names
       serializers.py write FOLDER   writes files, and FOLDER/spec.json that names them
"""

import datetime as dt
import json
import sys
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.parquet as pq
import zarr
from zarr.codecs import BloscCodec, GzipCodec, ZstdCodec

DTYPES = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "float32", "float64"]


def array_of(dtype, shape):
    size = int(np.prod(shape))
    if dtype == "bool":
        return (np.arange(size) % 3 == 0).reshape(shape)
    values = np.arange(size) * 37 % 101
    return (values / 8 if dtype.startswith("float") else values).astype(dtype).reshape(shape)


def columns_of(rows):
    index = range(rows)
    start = dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)
    return {
        "index": pa.array(index, pa.int32()),
        "large": pa.array([i * 2**40 for i in index], pa.int64()),
        "small": pa.array([i % 200 for i in index], pa.uint8()),
        "value": pa.array([None if i % 5 == 0 else i / 8 for i in index], pa.float64()),
        "single": pa.array([i / 8 for i in index], pa.float32()),
        "text": pa.array([None if i % 7 == 0 else f"row {i} é" for i in index], pa.string()),
        "flag": pa.array([i % 3 == 0 for i in index], pa.bool_()),
        "day": pa.array([dt.date(2020, 1, 1) + dt.timedelta(days=i) for i in index], pa.date32()),
        "time": pa.array([start + dt.timedelta(microseconds=i * 1_000_001) for i in index], pa.timestamp("us", tz="UTC")),
    }


def open_array(path, kind):
    if kind == "zarr":
        return zarr.open_array(path, mode="r")
    return h5py.File(path / "data.h5", "r")["data"]


def check_array(path, kind, dtype, shape, chunks):
    found = open_array(path, kind)
    expected = array_of(dtype, shape)
    assert found.shape == tuple(shape), (path, found.shape)
    assert found.dtype == expected.dtype, (path, found.dtype)
    if chunks:
        assert found.chunks == tuple(chunks), (path, found.chunks)
    assert np.array_equal(found[...], expected), path


def check_table(path, kind, rows):
    table = pq.read_table(path / "data.parquet") if kind == "parquet" else ipc.open_file(path / "data.arrow").read_all()
    for name, expected in columns_of(rows).items():
        found = table[name].combine_chunks()
        if pa.types.is_dictionary(found.type):
            found = found.cast(pa.string())
        assert found.type == expected.type, (path, name, found.type)
        assert found.to_pylist() == expected.to_pylist(), (path, name)


def check(folder):
    spec = json.loads((folder / "spec.json").read_text())
    for item in spec:
        path = folder / item.pop("name")
        check_array(path, **item) if "dtype" in item else check_table(path, **item)
    print(len(spec))


def write_arrays(folder):
    for dtype in [*DTYPES, "bool"]:
        data = array_of(dtype, (7, 10))
        zarr.create_array(folder / f"zarr-{dtype}", data=data, chunks=(3, 4))
        yield {"name": f"zarr-{dtype}", "kind": "zarr", "dtype": dtype, "shape": [7, 10]}
        if dtype != "float16":
            with h5py.File(folder / f"hdf5-{dtype}.h5", "w") as file:
                file.create_dataset("group/data", data=data, chunks=(3, 4), compression="gzip", shuffle=True)
            yield {"name": f"hdf5-{dtype}.h5", "kind": "hdf5", "dtype": dtype, "shape": [7, 10]}
    data = array_of("float64", (20, 6, 5))
    forms = {
        "none": dict(compressors=None),
        "gzip": dict(compressors=GzipCodec()),
        "zstd": dict(compressors=ZstdCodec(level=5)),
        "blosc": dict(compressors=BloscCodec()),
        "sharded": dict(chunks=(2, 3, 5), shards=(10, 6, 5)),
        "fortran": dict(order="F", zarr_format=2),
        "v2": dict(zarr_format=2),
    }
    for form, options in forms.items():
        zarr.create_array(folder / f"zarr-{form}", data=data, **{"chunks": (7, 4, 5), **options})
        yield {"name": f"zarr-{form}", "kind": "zarr", "dtype": "float64", "shape": [20, 6, 5]}
    zarr.create_array(folder / "zarr-scalar", data=np.array(5, "int16"))
    zarr.create_array(folder / "zarr-texts", data=np.array(["a", "b"]))
    with h5py.File(folder / "hdf5-plain.h5", "w") as file:
        file.create_dataset("group/data", data=data)
        file.create_dataset("group/big", data=data.astype(">f4"))
    yield {"name": "hdf5-plain.h5", "kind": "hdf5", "dtype": "float64", "shape": [20, 6, 5]}


def write_tables(folder):
    table = pa.table(columns_of(3_500))
    for compression in ["snappy", "gzip", "zstd", "none"]:
        pq.write_table(table, folder / f"{compression}.parquet", compression=compression, row_group_size=1_000)
        yield {"name": f"{compression}.parquet", "kind": "parquet", "rows": 3_500}
    encoded = table.set_column(5, "text", table["text"].dictionary_encode())
    for name, each in {"plain": table, "dictionary": encoded}.items():
        with ipc.new_file(folder / f"{name}.arrow", each.schema) as file:
            file.write_table(each, max_chunksize=1_000)
        yield {"name": f"{name}.arrow", "kind": "arrow", "rows": 3_500}


def write(folder):
    spec = [*write_arrays(folder), *write_tables(folder)]
    (folder / "spec.json").write_text(json.dumps(spec))


{"check": check, "write": write}[sys.argv[1]](Path(sys.argv[2]))
