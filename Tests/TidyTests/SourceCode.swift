import Foundation

/// One Swift file, as the rules read it: its text, and its code alone, in which comments and the contents of strings
/// are blank, so that a rule never stumbles over a word that is only spoken of.
struct SourceCode {
    /// Relative to the top of the project.
    let path: String
    let text: [UInt8]
    /// As long as `text`, with the same line ends.
    let code: [UInt8]
    private let lineEnds: [Int]

    init(path: String, text: String) {
        self.path = path
        self.text = [UInt8](text.utf8)
        self.code = CodeExtractor.code(of: self.text)
        self.lineEnds = self.text.positions(of: [UInt8(ascii: "\n")])
    }

    /// The lines of the text; the last one may lack its line end.
    var lines: [Substring] {
        String(decoding: self.text, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    }

    var codeLines: [Substring] {
        String(decoding: self.code, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    }

    /// The line of a byte, counted from one.
    func line(of offset: Int) -> Int {
        var (low, high) = (0, self.lineEnds.count)
        while low < high {
            let middle = (low + high) / 2
            if self.lineEnds[middle] < offset { low = middle + 1 } else { high = middle }
        }
        return low + 1
    }

    /// Where a phrase stands in the code. A blank in the phrase stands for any white space, or none; a phrase that
    /// begins or ends like a word is found only as a whole word.
    func occurrences(of phrase: String) -> [Int] {
        let pieces = phrase.split(separator: " ").map { [UInt8]($0.utf8) }
        guard let first = pieces.first, let startsAsWord = first.first?.isWordByte,
            let endsAsWord = pieces.last?.last?.isWordByte
        else { return [] }
        return self.code.positions(of: first).filter { start in
            if startsAsWord, start > 0, self.code[start - 1].isWordByte { return false }
            var end = start + first.count
            for piece in pieces.dropFirst() {
                while end < self.code.count, self.code[end].isWhiteSpace { end += 1 }
                guard self.code[end...].starts(with: piece) else { return false }
                end += piece.count
            }
            return !(endsAsWord && end < self.code.count && self.code[end].isWordByte)
        }
    }
}

extension [UInt8] {
    /// Where a byte string begins in this one; found places do not overlap.
    fileprivate func positions(of needle: [UInt8]) -> [Int] {
        self.withUnsafeBytes { haystack in
            var found: [Int] = []
            var from = 0
            while let base = haystack.baseAddress, let first = needle.first, from + needle.count <= haystack.count,
                let hit = memchr(base + from, Int32(first), haystack.count - from - needle.count + 1)
            {
                let position = UnsafeRawPointer(hit) - base
                let isFound = memcmp(hit, needle, needle.count) == 0
                if isFound { found.append(position) }
                from = position + (isFound ? needle.count : 1)
            }
            return found
        }
    }
}

extension UInt8 {
    var isWordByte: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...0xff:
            true
        default:
            false
        }
    }

    var isWhiteSpace: Bool {
        self == UInt8(ascii: " ") || self == UInt8(ascii: "\n") || self == UInt8(ascii: "\t")
    }
}
