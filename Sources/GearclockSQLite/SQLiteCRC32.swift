internal import GRDB
internal import GRDBSQLite
internal import GearclockCore

/// The function `crc32(BLOB)` for statements that work out lanes and buckets of rows that are there already.
enum SQLiteCRC32 {
    static func add(to database: Database) {
        sqlite3_create_function_v2(
            database.sqliteConnection, "crc32", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, nil,
            { context, _, arguments in
                let blob = arguments?[0]
                let start = sqlite3_value_blob(blob)
                let bytes = UnsafeRawBufferPointer(start: start, count: Int(sqlite3_value_bytes(blob)))
                sqlite3_result_int64(context, Int64(CRC32.checksum(bytes)))
            }, nil, nil, nil)
    }
}
