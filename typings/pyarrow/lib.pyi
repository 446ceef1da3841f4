# Where duckdb's own types look for pyarrow's.

from pyarrow import RecordBatchReader as RecordBatchReader
from pyarrow import Table as Table
