import Gearman
import Testing

@Suite struct GearmanServerAddressTests {
    @Test(arguments: [
        ("localhost", "localhost", 4730), ("localhost:4731", "localhost", 4731), ("10.0.0.1:1", "10.0.0.1", 1),
        ("[::1]", "::1", 4730), ("[::1]:65535", "::1", 65_535), ("::1", "::1", 4730),
        ("fe80::1%eth0", "fe80::1%eth0", 4730),
    ])
    func `an address is read, and its description again`(text: String, host: String, port: Int) {
        let address = GearmanServerAddress(text)
        #expect(address == GearmanServerAddress(host: host, port: port))
        #expect(address.flatMap { GearmanServerAddress($0.description) } == address)
    }

    @Test(arguments: [
        "", ":", ":4730", "host:", "host:0", "host:65536", "host:x", "host:+1", "host:-1", "host: 1", "[::1", "[]",
        "[]:1",
        "a:b:c:", "a:b:c", "::1:", "::1%", ":::", "[localhost]", "[::1]x", "[::1]:", "::1]", "a b",
        "host:99999999999999999999", "user@host", "tcp://host", "host:٣",
        "z\u{4}\u{70F}", "a\u{70F}:1",
    ])
    func `what is no address is none`(text: String) {
        #expect(GearmanServerAddress(text) == nil)
    }
}
