/// Blanks comments, the contents of strings and raw identifiers; what stands in an interpolation is code.
struct CodeExtractor {
    static func code(of text: [UInt8]) -> [UInt8] {
        var extractor = CodeExtractor(text: text)
        extractor.readCode(untilParenthesisCloses: false)
        return extractor.output
    }

    private let text: [UInt8]
    private var output: [UInt8]
    private var position = 0

    private init(text: [UInt8]) {
        self.text = text
        self.output = text
    }

    private mutating func readCode(untilParenthesisCloses: Bool) {
        var depth = 0
        while let byte = self.byte(at: self.position) {
            switch byte {
            case UInt8(ascii: "/") where self.byte(at: self.position + 1) == UInt8(ascii: "/"):
                self.readLineComment()
            case UInt8(ascii: "/") where self.byte(at: self.position + 1) == UInt8(ascii: "*"):
                self.readBlockComment()
            case UInt8(ascii: "\""):
                self.readString(hashes: 0)
            case UInt8(ascii: "#"):
                self.readHashes()
            case UInt8(ascii: "`"):
                self.readRawIdentifier()
            case UInt8(ascii: "("):
                depth += 1
                self.position += 1
            case UInt8(ascii: ")"):
                if untilParenthesisCloses, depth == 0 { return }
                depth -= 1
                self.position += 1
            default:
                self.position += 1
            }
        }
    }

    private mutating func readLineComment() {
        while let byte = self.byte(at: self.position), byte != UInt8(ascii: "\n") { self.blank() }
    }

    private mutating func readBlockComment() {
        var depth = 0
        repeat {
            if self.matches("/*") {
                depth += 1
                self.blank(2)
            } else if self.matches("*/") {
                depth -= 1
                self.blank(2)
            } else {
                self.blank()
            }
        } while depth > 0 && self.position < self.text.count
    }

    private mutating func readHashes() {
        var hashes = 0
        while self.byte(at: self.position + hashes) == UInt8(ascii: "#") { hashes += 1 }
        self.position += hashes
        if self.byte(at: self.position) == UInt8(ascii: "\"") { self.readString(hashes: hashes) }
    }

    private mutating func readRawIdentifier() {
        self.position += 1
        while let byte = self.byte(at: self.position), byte != UInt8(ascii: "`"), byte != UInt8(ascii: "\n") {
            self.blank()
        }
        self.position += 1
    }

    private mutating func readString(hashes: Int) {
        let isMultiline = self.matches("\"\"\"")
        let quotes = String(repeating: "\"", count: isMultiline ? 3 : 1)
        let fence = String(repeating: "#", count: hashes)
        self.position += quotes.utf8.count
        while self.position < self.text.count {
            if self.matches(quotes + fence) {
                self.position += quotes.utf8.count + hashes
                return
            } else if self.matches("\\" + fence + "(") {
                self.blank(1 + hashes)
                self.position += 1
                self.readCode(untilParenthesisCloses: true)
                self.position += 1
            } else if self.matches("\\" + fence) {
                self.blank(2 + hashes)
            } else if !isMultiline, self.matches("\n") {
                return  // Not closed: the compiler says so better than we could.
            } else {
                self.blank()
            }
        }
    }

    private func byte(at position: Int) -> UInt8? {
        position < self.text.count ? self.text[position] : nil
    }

    private func matches(_ expected: String) -> Bool {
        var position = self.position
        for byte in expected.utf8 {
            guard self.byte(at: position) == byte else { return false }
            position += 1
        }
        return true
    }

    private mutating func blank(_ count: Int = 1) {
        for _ in 0..<count where self.position < self.text.count {
            if self.text[self.position] != UInt8(ascii: "\n") { self.output[self.position] = UInt8(ascii: " ") }
            self.position += 1
        }
    }
}
