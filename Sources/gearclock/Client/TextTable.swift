/// Columns for people: as wide as their widest entry, two spaces between them.
package struct TextTable {
    private var rows: [[String]]

    package init(header: [String]) {
        self.rows = [header]
    }

    /// Adds a row with an entry for each column.
    package mutating func add(_ row: [String]) {
        self.rows.append(row)
    }

    /// The lines, without a newline at the end.
    package var text: String {
        let columns = self.rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            self.rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        let lines = self.rows.map { row in
            var line = ""
            for (entry, width) in zip(row, widths) {
                line += entry + String(repeating: " ", count: width - entry.count + 2)
            }
            while line.last == " " { line.removeLast() }
            return line
        }
        return lines.joined(separator: "\n")
    }
}
