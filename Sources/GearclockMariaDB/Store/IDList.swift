package import GearclockCore

/// Ids for one statement: `id IN (?, ?, …)`.
///
/// The list is filled up to a power of two by repeating its last id, which changes nothing, so that a connection
/// prepares ten statements of a kind and not a thousand.
package struct IDList {
    /// From a thousand on, MariaDB makes a temporary table of a list (`in_predicate_conversion_threshold`).
    package static let capacity = 512
    private static let texts = texts(of: "?")
    private static let pairTexts = texts(of: "(?, ?)")

    private static func texts(of place: String) -> [String] {
        (0...9).map { exponent in Array(repeating: place, count: 1 << exponent).joined(separator: ", ") }
    }

    package let ids: ArraySlice<TaskID>
    private let exponent: Int

    /// - Parameter ids: 1 ... ``capacity`` of them.
    package init(_ ids: ArraySlice<TaskID>) {
        precondition((1...Self.capacity).contains(ids.count), "A list has 1 to \(Self.capacity) ids")
        self.ids = ids
        self.exponent = Int.bitWidth - (ids.count - 1).leadingZeroBitCount
    }

    /// Any number of ids, as lists.
    package static func lists(of ids: [TaskID]) -> [IDList] {
        stride(from: 0, to: ids.count, by: self.capacity).map { start in
            IDList(ids[start..<min(start + self.capacity, ids.count)])
        }
    }

    package var placeholders: String { Self.texts[self.exponent] }
    /// For pairs of an id and something else, two of them at least: for one pair alone MariaDB 10.11 reads the whole
    /// table.
    package var pairPlaceholders: String { Self.pairTexts[max(1, self.exponent)] }

    /// - Parameter first: the number of the list's first parameter.
    package func bind(to statement: MariaDBStatement, from first: Int = 1) {
        var parameter = first
        for id in self.ids {
            statement.bind(parameter, id)
            parameter += 1
        }
        guard let last = self.ids.last else { return }
        while parameter < first + 1 << self.exponent {
            statement.bind(parameter, last)
            parameter += 1
        }
    }

    /// Binds pairs of an id and a time.
    /// - Parameters:
    ///   - times: one for each of the ids that the lists were made of.
    ///   - first: the number of the first parameter.
    package func bindPairs(with times: [Timestamp], to statement: MariaDBStatement, from first: Int) {
        for place in 0..<1 << max(1, self.exponent) {
            let index = self.ids.startIndex + min(place, self.ids.count - 1)
            statement.bind(first + 2 * place, self.ids[index])
            statement.bind(first + 2 * place + 1, times[index])
        }
    }
}
