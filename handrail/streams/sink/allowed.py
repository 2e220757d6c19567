"""What live readers may ask: names of functions and of the parts of a SELECT, and the macro that checks them."""

QUERY_CHARACTERS_MAX = 10_000

TABLE_FUNCTIONS = (
    "duckdb_tables", "duckdb_views", "duckdb_columns", "duckdb_schemas", "duckdb_databases", "duckdb_types",
    "duckdb_functions", "pragma_table_info",
)  # fmt: skip
"""What a reader may select from beside tables and views."""

FUNCTIONS = (
    "+", "-", "*", "/", "//", "%", "&", "<<", ">>", "~", "@", "~~", "!~~", "~~*", "!~~*", "~~~", "->", "->>", "abs",
    "ceil", "ceiling", "floor", "round", "round_even", "trunc", "sign", "sqrt", "ln", "log", "log2", "log10", "exp",
    "pow", "power", "mod", "greatest", "least", "nullif", "ifnull", "isnan", "isfinite", "count", "count_star",
    "count_if", "countif", "sum", "sum_no_overflow", "fsum", "avg", "mean", "min", "max", "bool_and", "bool_or",
    "any_value", "arg_min", "arg_max", "argmin", "argmax", "min_by", "max_by", "first", "last", "stddev",
    "stddev_pop", "stddev_samp", "variance", "var_pop", "var_samp", "corr", "covar_pop", "covar_samp", "skewness",
    "kurtosis", "approx_count_distinct", "lower", "lcase", "upper", "ucase", "trim", "ltrim", "rtrim", "length",
    "len", "strlen", "char_length", "substr", "substring", "left", "right", "split_part", "starts_with", "prefix",
    "suffix", "ends_with", "contains", "instr", "position", "strpos", "regexp_matches", "regexp_full_match",
    "regexp_extract", "like_escape", "not_like_escape", "ilike_escape", "not_ilike_escape", "md5", "sha1", "sha256",
    "hash", "typeof", "alias", "json_extract", "json_extract_path", "json_extract_string", "json_extract_path_text",
    "json_type", "json_valid", "json_array_length", "json_exists", "json_contains", "struct_extract",
    "array_extract", "list_extract", "list_contains", "list_has", "array_has", "array_contains", "array_length",
    "now", "get_current_timestamp", "today", "current_date", "current_localtimestamp", "date_trunc", "datetrunc",
    "date_part", "datepart", "date_diff", "datediff", "date_sub", "datesub", "date_add", "time_bucket", "strftime",
    "strptime", "try_strptime", "make_date", "make_timestamp", "make_timestamptz", "to_timestamp", "epoch",
    "epoch_ms", "epoch_us", "age", "last_day", "timezone", "dayname", "monthname", "year", "quarter", "month",
    "week", "isodow", "dayofweek", "weekday", "dayofmonth", "day", "dayofyear", "hour", "minute", "second",
    "to_years", "to_months", "to_weeks", "to_days", "to_hours", "to_minutes", "to_seconds", "to_milliseconds",
    "to_microseconds", "current_setting", "version",
)  # fmt: skip
"""What a reader may call. All others stay shut: some write, stop the server or read files, some make gigabytes of one
value (`repeat`, `||` upon itself, `string_agg`), which DuckDB's memory limit does not see, and the next version may
bring more."""

NODES = (
    "SELECT_NODE", "SET_OPERATION_NODE", "BASE_TABLE", "TABLE_FUNCTION", "SUBQUERY", "EMPTY", "EXPRESSION_LIST",
    "SHOW_REF", "STAR", "COLUMN_REF", "POSITIONAL_REFERENCE", "FUNCTION", "VALUE_CONSTANT", "CASE_EXPR",
    "OPERATOR_CAST", "OPERATOR_COALESCE", "OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL", "OPERATOR_NOT",
    "OPERATOR_TRY", "OPERATOR_NULLIF", "ARRAY_EXTRACT", "STRUCT_EXTRACT", "CONJUNCTION_AND", "CONJUNCTION_OR",
    "COMPARE_EQUAL", "COMPARE_NOTEQUAL", "COMPARE_LESSTHAN", "COMPARE_GREATERTHAN", "COMPARE_LESSTHANOREQUALTO",
    "COMPARE_GREATERTHANOREQUALTO", "COMPARE_IN", "COMPARE_NOT_IN", "COMPARE_DISTINCT_FROM",
    "COMPARE_NOT_DISTINCT_FROM", "COMPARE_BETWEEN", "COMPARE_NOT_BETWEEN", "ORDER_MODIFIER", "LIMIT_MODIFIER",
    "LIMIT_PERCENT_MODIFIER", "DISTINCT_MODIFIER", "ASCENDING", "DESCENDING", "ORDER_DEFAULT", "DECIMAL_TYPE_INFO",
    "STRING_TYPE_INFO", "GENERIC_TYPE_INFO", "EXTRA_TYPE_INFO",
)  # fmt: skip
"""What a reader's SELECT may be made of: one look through one table or view at a time, so that its length bounds what
it costs. A join, a recursion or a subquery that is asked for each row has no such bound, and Quack ends no query."""

# Quack asks this about each statement, before it runs: it is parsed as DuckDB parses it, and only a SELECT can be
# written as JSON. In there, functions, also those that stand where a table could, have a `function_name`, at any
# depth; a table whose name is a path would be that file. A WITH that is used twice, in a UNION, would double each time.
GATE = """
CREATE OR REPLACE MACRO readers.main.may(session, query) AS (
    SELECT coalesce(
        json_extract_string(parsed, '$.error') = 'false'
        AND json_array_length(parsed, '$.statements') = 1
        AND list_has_all(
            {functions}, list_transform(json_extract_string(parsed, '$..function_name'), lambda f: lower(f))
        )
        AND list_has_all(
            {tables}, list_transform(json_extract_string(parsed, '$..function.function_name'), lambda f: lower(f))
        )
        AND list_has_all(
            {nodes}, list_filter(json_extract_string(parsed, '$..type'), lambda node: node NOT LIKE '{{%')
        )
        AND len(json_extract_string(parsed, '$..subquery_type')) = 0
        AND coalesce(list_max(json_array_length(parsed, '$..group_sets')), 0) <= 1
        AND (
            NOT list_contains(json_extract_string(parsed, '$..type'), 'SET_OPERATION_NODE')
            OR len(json_extract(parsed, '$..cte_map.map[0]')) = 0
        )
        AND len(list_filter(
            json_extract_string(parsed, '$..table_name'), lambda name: regexp_matches(name, '[./:\\\\]')
        )) = 0,
        FALSE
    )
    FROM (
        SELECT CASE WHEN length(query) <= {characters} THEN json_serialize_sql(CAST(query AS VARCHAR)) END AS parsed
    )
)
"""


def gate() -> str:
    """The SQL that makes, or makes again, the macro that Quack asks."""
    allowed = {"functions": [*FUNCTIONS, *TABLE_FUNCTIONS], "tables": list(TABLE_FUNCTIONS), "nodes": list(NODES)}
    return GATE.format(**allowed, characters=QUERY_CHARACTERS_MAX)
