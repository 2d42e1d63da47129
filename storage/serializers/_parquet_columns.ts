/** Columns of Parquet as columns of Arrow, and back. */

import { CodecError } from "../../core/errors.ts";
import type { loadParquetWriter } from "../_libraries.ts";
import type { Arrow, ArrowTable } from "./lazy_table.ts";

type Writer = Awaited<ReturnType<typeof loadParquetWriter>>;
type ParquetWriter = InstanceType<Writer["ParquetWriter"]>;
type Columns = Parameters<ParquetWriter["write"]>[0]["columnData"];
type Values = Columns[number]["data"];
type DataType = InstanceType<Arrow["DataType"]>;
type Field = ArrowTable["schema"]["fields"][number];
type Vector = InstanceType<Arrow["Vector"]>;
type NumberArray = Exclude<Values, unknown[]>;

/** What Parquet says of a column. */
export type ParquetElement = ParquetWriter["schema"][number];

/** What to say of a column to Parquet. */
export function elementOf(arrow: Arrow, { name, type, nullable }: Field): ParquetElement {
  const kind = kindOf(arrow, type);
  if (kind) return { name, repetition_type: nullable ? "OPTIONAL" : "REQUIRED", ...kind };
  throw new CodecError(
    `The value can't be stored: the column ${
      JSON.stringify(name)
    } is of the type ${type}, which Parquet does not keep; arrowSerializer() takes all types.`,
  );
}

function kindOf(arrow: Arrow, type: DataType): Omit<ParquetElement, "name"> | undefined {
  const { DataType, Precision } = arrow;
  if (DataType.isDictionary(type)) {
    return DataType.isUtf8(type.dictionary) ? kindOf(arrow, type.dictionary) : undefined;
  }
  if (DataType.isInt(type)) {
    const { bitWidth, isSigned } = type;
    // Not the newer logical type: the library writes that in a way which others can't read.
    return {
      type: bitWidth === 64 ? "INT64" : "INT32",
      converted_type: `${isSigned ? "" : "U"}INT_${bitWidth}` as "INT_8",
    };
  }
  if (DataType.isFloat(type)) {
    if (type.precision === Precision.DOUBLE) return { type: "DOUBLE" };
    if (type.precision === Precision.SINGLE) return { type: "FLOAT" };
    return { type: "FIXED_LEN_BYTE_ARRAY", type_length: 2, logical_type: { type: "FLOAT16" } };
  }
  if (DataType.isBool(type)) return { type: "BOOLEAN" };
  if (DataType.isUtf8(type) || DataType.isLargeUtf8(type)) {
    return { type: "BYTE_ARRAY", converted_type: "UTF8", logical_type: { type: "STRING" } };
  }
  if (DataType.isBinary(type)) return { type: "BYTE_ARRAY" };
  return kindOfTime(arrow, type);
}

function kindOfTime(arrow: Arrow, type: DataType): Omit<ParquetElement, "name"> | undefined {
  const { DataType, DateUnit, TimeUnit } = arrow;
  const timestamp = (unit: "MILLIS" | "MICROS" | "NANOS", isAdjustedToUTC: boolean) => ({
    type: "INT64" as const,
    logical_type: { type: "TIMESTAMP" as const, isAdjustedToUTC, unit },
  });
  if (DataType.isDate(type)) {
    return type.unit === DateUnit.DAY
      ? { type: "INT32", converted_type: "DATE", logical_type: { type: "DATE" } }
      : timestamp("MILLIS", false);
  }
  if (!DataType.isTimestamp(type)) return undefined;
  const unit = type.unit === TimeUnit.NANOSECOND
    ? "NANOS"
    : type.unit === TimeUnit.MICROSECOND
    ? "MICROS"
    : "MILLIS";
  return timestamp(unit, Boolean(type.timezone));
}

/** The values of a column as Parquet takes them. */
export function valuesOf(arrow: Arrow, vector: Vector): Values {
  const { DataType, TimeUnit, Precision } = arrow;
  const type: DataType = vector.type;
  const isNumber = DataType.isInt(type) || DataType.isDate(type) || DataType.isTimestamp(type) ||
    DataType.isFloat(type) && type.precision !== Precision.HALF;
  // Such as texts: Arrow gives them as they are.
  if (!isNumber) return [...vector];
  const isSeconds = DataType.isTimestamp(type) && type.unit === TimeUnit.SECOND;
  const values: unknown[] = [];
  for (const data of vector.data) {
    const numbers = data.values.subarray(0, data.length);
    for (let i = 0; i < data.length; i++) {
      values.push(data.getValid(i) ? isSeconds ? numbers[i] * 1000n : numbers[i] : null);
    }
  }
  return values;
}

/** The type that a column has in memory; `undefined` if there is none. */
export function typeOf(arrow: Arrow, element: ParquetElement): DataType | undefined {
  const { type, logical_type: logical, converted_type: converted } = element;
  if (element.num_children || element.repetition_type === "REPEATED") return undefined;
  if (converted === "DECIMAL" || logical?.type === "DECIMAL") return undefined;
  switch (type) {
    case "BOOLEAN":
      return new arrow.Bool();
    case "FLOAT":
      return new arrow.Float32();
    case "DOUBLE":
      return new arrow.Float64();
    case "INT96":
      return new arrow.TimestampNanosecond();
    case "INT32":
    case "INT64":
      return integerType(arrow, element);
    case "FIXED_LEN_BYTE_ARRAY":
      if (logical?.type === "FLOAT16") return new arrow.Float16();
      return logical?.type === "UUID" ? new arrow.Utf8() : new arrow.Binary();
    case "BYTE_ARRAY":
      if (converted === "UTF8" || converted === "ENUM" || logical?.type === "STRING") {
        return new arrow.Utf8();
      }
      return converted === undefined && logical === undefined ? new arrow.Binary() : undefined;
    default:
      return undefined;
  }
}

function integerType(arrow: Arrow, element: ParquetElement): DataType | undefined {
  const { type, logical_type: logical, converted_type: converted } = element;
  if (converted === "DATE" || logical?.type === "DATE") return new arrow.DateDay();
  if (logical?.type === "TIMESTAMP") {
    const timezone = logical.isAdjustedToUTC ? "UTC" : null;
    if (logical.unit === "NANOS") return new arrow.TimestampNanosecond(timezone);
    if (logical.unit === "MICROS") return new arrow.TimestampMicrosecond(timezone);
    return new arrow.TimestampMillisecond(timezone);
  }
  if (converted === "TIMESTAMP_MILLIS") return new arrow.TimestampMillisecond("UTC");
  if (converted === "TIMESTAMP_MICROS") return new arrow.TimestampMicrosecond("UTC");
  const [, unsigned, width] = /^(U?)INT_(\d+)$/.exec(converted ?? "") ?? [];
  if (logical?.type === "INTEGER") return new arrow.Int(logical.isSigned, logical.bitWidth as 8);
  if (width) return new arrow.Int(unsigned === "", Number(width) as 8);
  if (logical || converted) return undefined;
  return type === "INT32" ? new arrow.Int32() : new arrow.Int64();
}

/** A column in memory, from what was read of it in pieces. */
export function vectorOf(
  arrow: Arrow,
  element: ParquetElement,
  chunks: readonly (NumberArray | unknown[])[],
): Vector {
  const type = typeOf(arrow, element)!;
  const { DataType } = arrow;
  const isNumber = DataType.isInt(type) || DataType.isFloat(type) || DataType.isDate(type) ||
    DataType.isTimestamp(type);
  if (!isNumber || type instanceof arrow.Float16) {
    return build(arrow, chunks.flatMap((chunk) => [...chunk]), type);
  }
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const data = new (type.ArrayType as new (length: number) => NumberArray)(length);
  const nullBitmap = new Uint8Array(Math.ceil(length / 8)).fill(0xff);
  let nullCount = 0;
  let at = 0;
  for (const chunk of chunks) {
    // Only lists have nulls.
    if (ArrayBuffer.isView(chunk)) data.set(chunk as never, at);
    else {
      chunk.forEach((value, i) => {
        if (value !== null && value !== undefined) data[at + i] = value as never;
        else {
          nullCount++;
          nullBitmap[at + i >> 3] &= ~(1 << (at + i & 7));
        }
      });
    }
    at += chunk.length;
  }
  return new arrow.Vector([
    arrow.makeData({
      type: type as never,
      length,
      nullCount,
      nullBitmap: nullCount > 0 ? nullBitmap : null,
      data: data as never,
    }),
  ]);
}

/** A column that the library builds value by value, in one piece. */
function build(arrow: Arrow, values: readonly unknown[], type: DataType): Vector {
  const builder = arrow.makeBuilder({ type, nullValues: [null, undefined] });
  for (const value of values) builder.append(value);
  return new arrow.Vector([builder.finish().flush()]);
}
