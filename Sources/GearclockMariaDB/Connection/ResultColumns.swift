internal import CMariaDB

/// Where Connector/C puts the columns of a row: numbers as they are, and the first bytes of everything else.
///
/// Longer values are read by ``MariaDBStatement`` directly into the array that the caller gets.
final class ResultColumns {
    let count: Int
    let words: UnsafeMutablePointer<Int64>
    let lengths: UnsafeMutablePointer<UInt>
    let nulls: UnsafeMutablePointer<CChar>
    let isInteger: [Bool]
    private let block: UnsafeMutableRawPointer
    private let binds: UnsafeMutablePointer<MYSQL_BIND>
    /// Enough for an id, a name or a policy.
    static let inlineBytes = 64

    init(of handle: UnsafeMutablePointer<MYSQL_STMT>) {
        self.count = Int(mysql_stmt_field_count(handle))
        self.words = .allocate(capacity: self.count)
        self.lengths = .allocate(capacity: self.count)
        self.nulls = .allocate(capacity: self.count)
        self.block = .allocate(byteCount: self.count * Self.inlineBytes, alignment: 16)
        self.binds = .allocate(capacity: self.count)
        self.words.initialize(repeating: 0, count: self.count)
        self.lengths.initialize(repeating: 0, count: self.count)
        self.nulls.initialize(repeating: 0, count: self.count)
        let fields = mariadb_stmt_fetch_fields(handle)!
        self.isInteger = (0..<self.count).map { Self.isNumber(fields[$0].type) }
        for index in 0..<self.count {
            var bind = MYSQL_BIND()
            if self.isInteger[index] {
                bind.buffer_type = MYSQL_TYPE_LONGLONG
                bind.buffer = UnsafeMutableRawPointer(self.words + index)
            } else {
                bind.buffer_type = MYSQL_TYPE_LONG_BLOB
                bind.buffer = self.block + index * Self.inlineBytes
                bind.buffer_length = UInt(Self.inlineBytes)
            }
            bind.length = self.lengths + index
            bind.is_null = self.nulls + index
            (self.binds + index).initialize(to: bind)
        }
    }

    deinit {
        self.words.deallocate()
        self.lengths.deallocate()
        self.nulls.deallocate()
        self.block.deallocate()
        self.binds.deallocate()
    }

    func bind(to handle: UnsafeMutablePointer<MYSQL_STMT>) -> Bool {
        mysql_stmt_bind_result(handle, self.binds) == 0
    }

    /// The bytes of a column that is not longer than ``inlineBytes``.
    func inline(_ column: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: self.block + column * Self.inlineBytes, count: Int(self.lengths[column]))
    }

    /// Sums and averages are decimals, and are read as whole numbers too.
    private static func isNumber(_ type: enum_field_types) -> Bool {
        switch type {
        case MYSQL_TYPE_TINY, MYSQL_TYPE_SHORT, MYSQL_TYPE_INT24, MYSQL_TYPE_LONG, MYSQL_TYPE_LONGLONG,
            MYSQL_TYPE_YEAR, MYSQL_TYPE_DECIMAL, MYSQL_TYPE_NEWDECIMAL, MYSQL_TYPE_FLOAT, MYSQL_TYPE_DOUBLE:
            true
        default: false
        }
    }
}
