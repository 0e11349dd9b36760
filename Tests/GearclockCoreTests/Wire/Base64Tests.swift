import Foundation
import GearclockCore
import Testing

@Suite struct Base64Tests {
    @Test func `it encodes as Foundation does and decodes what it encoded`() {
        var random = SeededGenerator(seed: 11)
        for length in 0..<200 {
            let bytes = (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            let text = Base64.encode(bytes)
            #expect(text == Data(bytes).base64EncodedString())
            #expect(Base64.decode(text.bytes) == bytes)
            #expect(Base64.decode(text.replacing("=", with: "").bytes) == bytes)
            #expect(Base64.decode(text.replacing("+", with: "-").replacing("/", with: "_").bytes) == bytes)
        }
    }

    @Test(arguments: ["A", "AAAAA", "AA=", "A===", "AAA==", "=", "AA==AA==", "AA=A", "AA*A", "Ä", "AA\u{0}A", "AAA=="])
    func `it refuses what is not base64`(text: String) {
        #expect(Base64.decode(text.bytes) == nil)
    }

    @Test func `white space may stand anywhere`() {
        #expect(Base64.decode(" Y W\r\nJ\tj \n".bytes) == "abc".bytes)
        #expect(Base64.decode("YQ = =\n".bytes) == "a".bytes)
    }
}
