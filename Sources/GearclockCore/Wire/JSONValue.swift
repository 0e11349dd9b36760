/// A JSON value as gearsloth's contract needs it.
///
/// A parser and a serializer of our own, and not Foundation's, for these reasons: a payload that is an object reaches
/// its function as JavaScript's `JSON.stringify` would write it, which keeps the order of the keys and has its own form
/// of numbers; of two equal keys the last one wins, as with `JSON.parse`; and input of any size and shape ends in a
/// typed error with a byte offset, within bounded memory and depth.
package enum JSONValue: Equatable, Sendable {
    case null
    case bool(Bool)
    /// A number whose JavaScript text is what was written, or one that was computed.
    case number(Double)
    /// A number as it was written, where JavaScript might write it differently: fractions, exponents, `-0`, and
    /// integers of more than fifteen digits. Always valid by the JSON grammar.
    case numeral([UInt8])
    /// Valid UTF-8.
    case string([UInt8])
    case array([JSONValue])
    case object(JSONObject)

    package static func text(_ text: String) -> JSONValue {
        .string([UInt8](text.utf8))
    }

    /// The number as JavaScript has it: an integer beyond 2^53 is rounded, one beyond the range is infinite.
    package var double: Double? {
        switch self {
        case .number(let value): value
        case .numeral(let text): Double(String(decoding: text, as: UTF8.self)) ?? .nan
        case .null, .bool, .string, .array, .object: nil
        }
    }

    /// The bytes of a string.
    package var stringBytes: [UInt8]? {
        if case .string(let bytes) = self { bytes } else { nil }
    }

    package var object: JSONObject? {
        if case .object(let object) = self { object } else { nil }
    }

    /// What kind of value it is, for messages.
    package var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .number, .numeral: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

/// The members of a JSON object in their order; no name occurs twice.
package struct JSONObject: Equatable, Sendable {
    package struct Member: Equatable, Sendable {
        /// Valid UTF-8, compared byte by byte.
        package let name: [UInt8]
        package var value: JSONValue
    }

    package private(set) var members: [Member] = []

    package init() {}

    /// Names that occur twice keep the place of the first and take the value of the last, as in JavaScript.
    init(uniquing members: [Member]) {
        self.members = members
        if members.count > 16 {
            self.unique(members)
        } else if members.indices.contains(where: { index in
            members[..<index].contains { $0.name == members[index].name }
        }) {
            self.unique(members)
        }
    }

    private mutating func unique(_ members: [Member]) {
        var places: [[UInt8]: Int] = [:]
        self.members = []
        for member in members {
            if let place = places[member.name] {
                self.members[place].value = member.value
            } else {
                places[member.name] = self.members.count
                self.members.append(member)
            }
        }
    }

    /// The member of this name; setting `nil` removes it, setting a new one appends it.
    package subscript(_ name: StaticString) -> JSONValue? {
        get {
            self.index(name).map { self.members[$0].value }
        }
        set {
            switch (self.index(name), newValue) {
            case (let index?, let value?): self.members[index].value = value
            case (let index?, nil): self.members.remove(at: index)
            case (nil, let value?): self.members.append(Member(name: name.bytes, value: value))
            case (nil, nil): break
            }
        }
    }

    private func index(_ name: StaticString) -> Int? {
        let wanted = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        return self.members.firstIndex { $0.name.count == wanted.count && $0.name.elementsEqual(wanted) }
    }

    /// The members as JavaScript enumerates them: first the names that are array indices, by number, then the others in
    /// their order.
    var javaScriptOrder: [Member] {
        guard self.members.contains(where: { $0.name.arrayIndex != nil }) else { return self.members }
        let indices = self.members.compactMap { member in member.name.arrayIndex.map { ($0, member) } }
        return indices.sorted { $0.0 < $1.0 }.map(\.1) + self.members.filter { $0.name.arrayIndex == nil }
    }
}

extension StaticString {
    /// The UTF-8 of the text.
    var bytes: [UInt8] {
        [UInt8](UnsafeBufferPointer(start: self.utf8Start, count: self.utf8CodeUnitCount))
    }
}

extension [UInt8] {
    /// The number, if these are the digits of a JavaScript array index: 0 ... 2^32 - 2 without leading zeros.
    fileprivate var arrayIndex: UInt32? {
        guard let first, first.isDigit, self.count <= 10, first != UInt8(ascii: "0") || self.count == 1 else {
            return nil
        }
        var value: UInt64 = 0
        for byte in self {
            guard byte.isDigit else { return nil }
            value = value * 10 + UInt64(byte - UInt8(ascii: "0"))
        }
        return value < UInt64(UInt32.max) ? UInt32(value) : nil
    }
}

extension UInt8 {
    var isDigit: Bool {
        self >= UInt8(ascii: "0") && self <= UInt8(ascii: "9")
    }
}
