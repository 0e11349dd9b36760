/// The number that a text starts with, as C's `strtoll` reads it: white space, a sign, digits, anything. Without digits
/// it is 0; beyond 64 bits, the nearest.
struct LeadingNumber: Equatable {
    let value: Int64
    let isOverflow: Bool

    init(_ text: some Collection<UInt8>) {
        var rest = text.drop { $0 == 0x20 || (0x09...0x0d).contains($0) }
        let isNegative = rest.first == UInt8(ascii: "-")
        if isNegative || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
        var value: Int64 = 0
        var isOverflow = false
        for digit in rest.prefix(while: { (0x30...0x39).contains($0) }) where !isOverflow {
            let (product, isTooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, isSumTooLarge) =
                isNegative
                ? product.subtractingReportingOverflow(Int64(digit - 0x30))
                : product.addingReportingOverflow(Int64(digit - 0x30))
            isOverflow = isTooLarge || isSumTooLarge
            value = sum
        }
        self.value = isOverflow ? (isNegative ? .min : .max) : value
        self.isOverflow = isOverflow
    }
}

extension [UInt8] {
    /// The decimal digits of a number.
    static func decimal(_ number: some BinaryInteger) -> [UInt8] {
        Array(String(UInt64(clamping: number)).utf8)
    }
}
