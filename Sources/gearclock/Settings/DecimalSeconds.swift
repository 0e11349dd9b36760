internal import GearclockCore

/// A span on the command line or in the configuration: seconds as a decimal number, `90` or `0.25`.
package struct DecimalSeconds: Equatable, Sendable, CustomStringConvertible {
    /// As it was written: it goes into JSON without passing through binary fractions.
    package let text: String
    package let duration: Duration

    /// Reads digits, and at most six more behind a point; up to the longest span there is, ten years.
    package init?(_ text: String) {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let isNumber = { (part: Substring) in
            !part.isEmpty && part.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        }
        guard parts.allSatisfy(isNumber), let whole = Int64(parts[0]), whole <= 315_360_000 else { return nil }
        let fraction = parts.count == 2 ? parts[1] : "0"
        guard fraction.count <= 6, let digits = Int64(fraction + String(repeating: "0", count: 6 - fraction.count))
        else { return nil }
        let duration = Duration.microseconds(whole * 1_000_000 + digits)
        guard duration <= Limits.longestSpan else { return nil }
        self.duration = duration
        // JSON forbids leading zeros.
        self.text = String(whole) + (parts.count == 2 ? "." + fraction : "")
    }

    package var description: String { self.text }
}
