import Gearman
import Testing

struct HandleBytesTests {
    @Test func `a handle of any size is what it was made of, and equal to no other one`() throws {
        for size in 0...63 {
            let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 1) }
            let handle = try #require(HandleBytes(bytes))
            #expect(handle.bytes == bytes)
            #expect(handle.count == size)
            #expect(handle == HandleBytes(bytes))
            #expect(handle.hashValue == HandleBytes(bytes)?.hashValue)
            #expect(handle.scatter == HandleBytes(bytes)?.scatter)
            #expect(handle != HandleBytes(bytes + [0]))
            for place in bytes.indices {
                var other = bytes
                other[place] ^= 1
                #expect(handle != HandleBytes(other))
            }
        }
    }

    @Test func `more bytes than any server gives are no handle`() {
        for size in [64, 65, 200, 8_180] { #expect(HandleBytes([UInt8](repeating: 0x48, count: size)) == nil) }
    }

    @Test func `handles that follow each other lie apart in a table`() {
        let scatters = (0..<10_000).map { HandleBytes(Array("H:host.example.org:\($0)".utf8))!.scatter }
        #expect(Set(scatters).count == scatters.count)
        // By the bits that a table of 16,384 slots takes, as many places are used as by chance, about 7,500.
        #expect(Set(scatters.map { ($0 &* 0x9e37_79b9_7f4a_7c15) >> 50 }).count > 7_000)
    }
}
