"""What data is: Convex values, their order, their ids, their JSON, their validators and the schemas made of these.

A pure room: it knows no actor, no clock and no choice. Read on in `spelling.py` and `value.py`.
"""

from convexsim.values.ids import IdStream, decode_id, encode_id, table_number_of
from convexsim.values.json_codec import dumps, from_json, to_json
from convexsim.values.keys import after, decode_key, encode, encode_key, format_key, prefix_end
from convexsim.values.schema import SchemaDefinition, TableDefinition, define_schema, define_table, lookup_field
from convexsim.values.spelling import COMMIT_TS, UNDEFINED, CommitTsPlaceholder, Int64, Undefined, counted, show
from convexsim.values.validators import (
    AnyValidator,
    ObjectValidator,
    OptionalValidator,
    ValidationFailure,
    Validator,
    as_object,
    v,
)
from convexsim.values.value import (
    MAX_SAFE_INTEGER,
    Value,
    check_identifier,
    equal,
    freeze,
    freeze_pending,
    get_convex_size,
    nesting_of,
    resolve,
    size_of,
    thaw,
)

__all__ = [
    "COMMIT_TS",
    "MAX_SAFE_INTEGER",
    "UNDEFINED",
    "AnyValidator",
    "CommitTsPlaceholder",
    "IdStream",
    "Int64",
    "ObjectValidator",
    "OptionalValidator",
    "SchemaDefinition",
    "TableDefinition",
    "Undefined",
    "ValidationFailure",
    "Validator",
    "Value",
    "after",
    "as_object",
    "check_identifier",
    "counted",
    "decode_id",
    "decode_key",
    "define_schema",
    "define_table",
    "dumps",
    "encode",
    "encode_id",
    "encode_key",
    "equal",
    "format_key",
    "freeze",
    "freeze_pending",
    "from_json",
    "get_convex_size",
    "lookup_field",
    "nesting_of",
    "prefix_end",
    "resolve",
    "show",
    "size_of",
    "table_number_of",
    "thaw",
    "to_json",
    "v",
]
