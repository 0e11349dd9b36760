import Foundation

/// The folder `Fixtures` of the package.
enum Fixture {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Fixtures")

    /// The files of a folder with this extension, in the order of their names.
    static func files(in folder: String, withExtension ending: String) throws -> [URL] {
        try FileManager.default
            .contentsOfDirectory(at: self.root.appending(path: folder), includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == ending }
            .sorted { $0.path < $1.path }
    }

    /// The bytes of hexadecimal text; spaces, line breaks and what follows a `#` in a line do not count.
    static func bytes(ofHex text: some StringProtocol) throws -> [UInt8] {
        let digits = text.split(separator: "\n", omittingEmptySubsequences: true)
            .map { $0.prefix { $0 != "#" } }.joined().filter { !$0.isWhitespace }
        guard digits.count.isMultiple(of: 2) else { throw Malformed(text: digits) }
        var bytes: [UInt8] = []
        var index = digits.startIndex
        while index < digits.endIndex {
            let next = digits.index(index, offsetBy: 2)
            guard let byte = UInt8(digits[index..<next], radix: 16) else { throw Malformed(text: digits) }
            bytes.append(byte)
            index = next
        }
        return bytes
    }

    struct Malformed: Error {
        var text: String
    }
}
