internal import CMariaDB

/// The parameters of one statement, for one row or for many, in memory that stays where it is while they are sent.
///
/// Bytes are copied once, into one block; Connector/C reads them from there.
struct ParameterBatch: ~Copyable {
    /// Complete rows.
    private(set) var rows = 0
    /// A row is begun and not ended.
    private(set) var isInsideRow = false
    private var columns: [ParameterColumn]
    private var block: UnsafeMutableRawPointer
    private var blockCapacity = 256
    private var blockCount = 0
    private let binds: UnsafeMutablePointer<MYSQL_BIND>
    /// A block that grew beyond this is not kept for the next batch.
    private static let keptBytes = 4 << 20

    init(parameters: Int) {
        self.columns = (0..<parameters).map { _ in ParameterColumn(capacity: 1) }
        self.block = .allocate(byteCount: self.blockCapacity, alignment: 16)
        self.binds = .allocate(capacity: max(1, parameters))
    }

    deinit {
        for column in self.columns { column.deallocate() }
        self.block.deallocate()
        self.binds.deallocate()
    }

    var parameters: Int { self.columns.count }

    // MARK: - Filling

    mutating func clear() {
        self.rows = 0
        self.isInsideRow = false
        self.blockCount = 0
        for index in self.columns.indices { self.columns[index].clear() }
        if self.blockCapacity > Self.keptBytes {
            self.block.deallocate()
            self.blockCapacity = 256
            self.block = .allocate(byteCount: self.blockCapacity, alignment: 16)
        }
    }

    /// - Parameter parameter: from 1.
    mutating func setNull(_ parameter: Int) {
        self.beginRow()
        self.columns[parameter - 1].setNull(row: self.rows)
    }

    mutating func set(_ parameter: Int, _ value: Int64) {
        self.beginRow()
        self.columns[parameter - 1].set(value, row: self.rows)
    }

    mutating func set(_ parameter: Int, _ bytes: UnsafeRawBufferPointer) {
        self.beginRow()
        self.reserve(bytes.count)
        if let start = bytes.baseAddress {
            (self.block + self.blockCount).copyMemory(from: start, byteCount: bytes.count)
        }
        self.columns[parameter - 1].set(offset: self.blockCount, count: bytes.count, row: self.rows)
        self.blockCount += bytes.count
    }

    mutating func endRow() {
        self.beginRow()
        self.rows += 1
        self.isInsideRow = false
    }

    private mutating func beginRow() {
        guard !self.isInsideRow else { return }
        self.isInsideRow = true
        guard let first = self.columns.first, self.rows == first.capacity else {
            // What is not set is NULL.
            for column in self.columns { column.setNull(row: self.rows) }
            return
        }
        for index in self.columns.indices {
            self.columns[index] = self.columns[index].grown(to: 4 * first.capacity, rows: self.rows)
            self.columns[index].setNull(row: self.rows)
        }
    }

    private mutating func reserve(_ count: Int) {
        guard self.blockCount + count > self.blockCapacity else { return }
        self.blockCapacity = max(2 * self.blockCapacity, self.blockCount + count)
        let block = UnsafeMutableRawPointer.allocate(byteCount: self.blockCapacity, alignment: 16)
        block.copyMemory(from: self.block, byteCount: self.blockCount)
        self.block.deallocate()
        self.block = block
    }

    // MARK: - Sending

    /// No parameter is added after this: offsets become pointers.
    mutating func resolve() {
        let base = Int64(Int(bitPattern: self.block))
        for column in self.columns where column.kind == .bytes {
            for row in 0..<self.rows where !column.isNull(row) { column.words[row] += base }
        }
    }

    /// How many rows from this one on fit into a packet; 0 if the first one does not.
    func rowsThatFit(from first: Int, packetBytes: Int) -> Int {
        var bytes = 64 + 2 * self.columns.count
        var row = first
        while row < self.rows {
            for column in self.columns { bytes += column.wireBytes(row) }
            if bytes > packetBytes { break }
            row += 1
        }
        return row - first
    }

    /// What Connector/C needs to send rows from this one on as one bulk; valid until the batch changes.
    func bulk(from row: Int) -> UnsafeMutablePointer<MYSQL_BIND> {
        for (index, column) in self.columns.enumerated() {
            var bind = MYSQL_BIND()
            bind.buffer_type = column.kind == .integer ? MYSQL_TYPE_LONGLONG : MYSQL_TYPE_LONG_BLOB
            bind.buffer = UnsafeMutableRawPointer(column.words + row)
            bind.length = column.lengths + row
            bind.u.indicator = column.marks + row
            (self.binds + index).initialize(to: bind)
        }
        return self.binds
    }

    /// What Connector/C needs to send this one row.
    func single(_ row: Int) -> UnsafeMutablePointer<MYSQL_BIND> {
        for (index, column) in self.columns.enumerated() {
            var bind = MYSQL_BIND()
            switch column.kind {
            case .integer:
                bind.buffer_type = MYSQL_TYPE_LONGLONG
                bind.buffer = UnsafeMutableRawPointer(column.words + row)
            case .bytes, .none:
                bind.buffer_type = MYSQL_TYPE_LONG_BLOB
                bind.buffer = UnsafeMutableRawPointer(bitPattern: Int(column.words[row]))
            }
            bind.length = column.lengths + row
            // A mark is 1 for NULL and 0 otherwise, as Connector/C's truth values are.
            bind.is_null = column.marks + row
            (self.binds + index).initialize(to: bind)
        }
        return self.binds
    }
}
