internal import CMariaDB

/// The values of one parameter for all rows of a batch, laid out as Connector/C reads them: numbers, or pointers,
/// lengths and marks, each in an array of their own.
struct ParameterColumn {
    enum Kind {
        /// Only NULL so far.
        case none
        case integer
        case bytes
    }

    private(set) var kind = Kind.none
    /// Integers; for bytes the offset into the batch's memory, replaced by a pointer for the execution.
    let words: UnsafeMutablePointer<Int64>
    let lengths: UnsafeMutablePointer<UInt>
    /// `STMT_INDICATOR_NULL` or `STMT_INDICATOR_NONE`.
    let marks: UnsafeMutablePointer<CChar>
    let capacity: Int

    init(capacity: Int) {
        self.capacity = capacity
        self.words = .allocate(capacity: capacity)
        self.lengths = .allocate(capacity: capacity)
        self.marks = .allocate(capacity: capacity)
    }

    /// With room for more rows; the old one is freed.
    func grown(to capacity: Int, rows: Int) -> ParameterColumn {
        var column = ParameterColumn(capacity: capacity)
        column.kind = self.kind
        column.words.initialize(from: self.words, count: rows)
        column.lengths.initialize(from: self.lengths, count: rows)
        column.marks.initialize(from: self.marks, count: rows)
        self.deallocate()
        return column
    }

    func deallocate() {
        self.words.deallocate()
        self.lengths.deallocate()
        self.marks.deallocate()
    }

    mutating func clear() {
        self.kind = .none
    }

    func setNull(row: Int) {
        self.words[row] = 0
        self.lengths[row] = 0
        self.marks[row] = CChar(STMT_INDICATOR_NULL.rawValue)
    }

    mutating func set(_ value: Int64, row: Int) {
        precondition(self.kind != .bytes, "A parameter has one type in all rows of a batch")
        self.kind = .integer
        self.words[row] = value
        self.lengths[row] = 8
        self.marks[row] = CChar(STMT_INDICATOR_NONE.rawValue)
    }

    mutating func set(offset: Int, count: Int, row: Int) {
        precondition(self.kind != .integer, "A parameter has one type in all rows of a batch")
        self.kind = .bytes
        self.words[row] = Int64(offset)
        self.lengths[row] = UInt(count)
        self.marks[row] = CChar(STMT_INDICATOR_NONE.rawValue)
    }

    func isNull(_ row: Int) -> Bool { self.marks[row] != 0 }

    /// An upper bound of what the value takes in a packet.
    func wireBytes(_ row: Int) -> Int { 10 + Int(self.lengths[row]) }
}
