import GearclockMariaDB
import Testing

@Suite struct MariaDBURLTests {
    typealias Node = MariaDBConfiguration.Node

    @Test func `a host is enough, and the rest has defaults`() throws {
        let url = try MariaDBURL("mariadb://db.example.org")
        let configuration = url.configuration
        #expect(configuration.nodes == [Node(host: "db.example.org", port: 3306)])
        #expect(configuration.user == "gearclock" && configuration.database == "gearclock")
        #expect(configuration.password == nil)
        #expect(configuration.tls == .verified(certificateAuthorities: nil))
        #expect(configuration.copies == 1 && configuration.tooFewCopies == .refuse)
        #expect(configuration.connections == 4)
        #expect(configuration.connectTimeout == .seconds(2) && configuration.statementTimeout == .seconds(15))
        #expect(url.number == nil && url.passwordFile == nil)
    }

    @Test func `everything can be said`() throws {
        let url = try MariaDBURL(
            "mariadb://me:p%40ss%2Fword@h1:3307,[fe80::1]:3308,h3/my%20tasks?copies=3&on_too_few=accept&tls=verified"
                + "&ca=/etc/a%26b.pem&connections=8&connect_timeout=3&statement_timeout=20&number=4095")
        let configuration = url.configuration
        #expect(
            configuration.nodes
                == [Node(host: "h1", port: 3307), Node(host: "fe80::1", port: 3308), Node(host: "h3")])
        #expect(configuration.user == "me" && configuration.password?.text == "p@ss/word")
        #expect(configuration.database == "my tasks")
        #expect(configuration.copies == 3 && configuration.tooFewCopies == .accept)
        #expect(configuration.tls == .verified(certificateAuthorities: "/etc/a&b.pem"))
        #expect(configuration.connections == 8)
        #expect(configuration.connectTimeout == .seconds(3) && configuration.statementTimeout == .seconds(20))
        #expect(url.number == 4095)
    }

    @Test func `mysql means the same`() throws {
        #expect(try MariaDBURL("mysql://u@h/d") == MariaDBURL("mariadb://u@h/d"))
    }

    @Test(arguments: [
        ("localhost", true), ("127.0.0.1", true), ("127.9.8.7:1", true), ("[::1]", true), ("localhost,127.0.0.1", true),
        ("localhost,db", false), ("127.0.0.1.example.org", false), ("127.x.0.1", false), ("10.0.0.1", false),
        ("[::2]", false),
    ])
    func `only what stays on this machine goes without TLS`(hosts: String, isLoopback: Bool) throws {
        let tls = try MariaDBConfiguration(url: "mariadb://\(hosts)").tls
        #expect(tls == (isLoopback ? .off : .verified(certificateAuthorities: nil)))
    }

    @Test func `TLS is as it is asked for`() throws {
        #expect(try MariaDBConfiguration(url: "mariadb://db?tls=off").tls == .off)
        #expect(try MariaDBConfiguration(url: "mariadb://db?tls=unverified").tls == .unverified)
        #expect(
            try MariaDBConfiguration(url: "mariadb://localhost?ca=/ca.pem").tls
                == .verified(certificateAuthorities: "/ca.pem"))
    }

    @Test func `two copies are the default as soon as there are two hosts`() throws {
        #expect(try MariaDBConfiguration(url: "mariadb://a,b").copies == 2)
        #expect(try MariaDBConfiguration(url: "mariadb://a,b,c").copies == 2)
        #expect(try MariaDBConfiguration(url: "mariadb://a,b,c?copies=1").copies == 1)
    }

    @Test(arguments: ["u:@h", "u@h", ":x@h", "h"])
    func `user and password may be missing, or empty`(authority: String) throws {
        let configuration = try MariaDBConfiguration(url: "mariadb://" + authority)
        #expect(configuration.user == (authority.hasPrefix("u") ? "u" : "gearclock"))
        let password: String? = authority == "u:@h" ? "" : authority == ":x@h" ? "x" : nil
        #expect(configuration.password?.text == password)
    }

    @Test(arguments: [
        "", "mariadb:", "mariadb:/secret@h", "postgres://u:secret@h", "mariadb://", "mariadb://u:secret@",
        "mariadb://u:sec/ret@h/d", "mariadb://u:sec?ret@h/d", "mariadb://u:sec#ret@h/d", "mariadb://u:secret%@h",
        "mariadb://u:secret%zz@h", "mariadb://u:secret%ff@h", "mariadb://u:secret%00@h", "mariadb://u:sec ret@h",
        "mariadb://u%:secret@h", "mariadb://u:secret@h:", "mariadb://u:secret@h:0", "mariadb://u:secret@h:65536",
        "mariadb://u:secret@h:x", "mariadb://u:secret@h:+1", "mariadb://u:secret@h,", "mariadb://u:secret@h,,i",
        "mariadb://u:secret@h,h", "mariadb://u:secret@a::1", "mariadb://u:secret@[::1", "mariadb://u:secret@[x]",
        "mariadb://u:secret@[::1]x", "mariadb://u:secret@h!", "mariadb://u:secret@h/a/b", "mariadb://u:secret@h/%",
        "mariadb://u:secret@h/d?password=secret", "mariadb://u:secret@h?copies",
        "mariadb://u:secret@h?copies=", "mariadb://u:secret@h?copies=0", "mariadb://u:secret@h?copies=2",
        "mariadb://u:secret@h?copies=1&copies=1", "mariadb://u:secret@h?&", "mariadb://u:secret@h?number=4096",
        "mariadb://u:secret@h?number=-1", "mariadb://u:secret@h?on_too_few=maybe", "mariadb://u:secret@h?tls=on",
        "mariadb://u:secret@h?ca=ca.pem", "mariadb://u:secret@h?tls=off&ca=/ca.pem",
        "mariadb://u:secret@localhost?tls=off&ca=/ca.pem", "mariadb://u:secret@h?connections=65",
        "mariadb://u:secret@h?connect_timeout=0", "mariadb://u:secret@h?statement_timeout=1.5",
        "mariadb://u:secret@h?password_file=/f", "mariadb://h?password_file=f", "mariadb://h?ca=/a@secret",
    ])
    func `each mistake is an error that tells no secret`(text: String) {
        let error = #expect(throws: MariaDBURLError.self) { try MariaDBURL(text) }
        #expect(error?.description.isEmpty == false)
        for part in ["secret", "sec", "ret@", "zz"] { #expect(error?.description.contains(part) == false) }
    }

    @Test(arguments: [
        ("mariadb://h", "mariadb://gearclock@h:3306/gearclock"),
        ("mysql://u:secret@[::1]:1,h/d?copies=1", "mariadb://u@[::1]:1,h:3306/d?copies=1"),
        ("mariadb://h?copies=1&tls=verified&connections=4", "mariadb://gearclock@h:3306/gearclock"),
        (
            "mariadb://a%40b:secret@h/d%2Ce?tls=unverified&on_too_few=accept&connect_timeout=9&number=3",
            "mariadb://a%40b@h:3306/d%2Ce?number=3&on_too_few=accept&tls=unverified&connect_timeout=9"
        ),
        (
            "mariadb://localhost?ca=/c.pem&password_file=/p&statement_timeout=1",
            "mariadb://gearclock@localhost:3306/gearclock?tls=verified&ca=/c.pem&statement_timeout=1&password_file=/p"
        ),
        ("mariadb://db?tls=off", "mariadb://gearclock@db:3306/gearclock?tls=off"),
        ("mariadb://localhost?tls=off", "mariadb://gearclock@localhost:3306/gearclock"),
    ])
    func `the canonical text has no secret, and says the same`(text: String, expected: String) throws {
        let url = try MariaDBURL(text)
        #expect(url.description == expected)
        #expect(!"\(url)".contains("secret") && !String(reflecting: url).contains("secret"))
        var again = try MariaDBURL(url.description)
        again.configuration.password = url.configuration.password
        #expect(again == url)
    }

    @Test func `a file is not read where only a configuration is wanted`() {
        #expect(throws: MariaDBURLError.self) { try MariaDBConfiguration(url: "mariadb://h?password_file=/p") }
    }
}
