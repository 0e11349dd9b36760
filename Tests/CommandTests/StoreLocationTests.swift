import Testing
import gearclock

struct StoreLocationTests {
    private func location(_ text: String) throws -> StoreLocation {
        try StoreLocation(text, directory: "/directory", origin: .flag("--store"))
    }

    @Test(arguments: [
        ("sqlite:/a/b.db", "main=sqlite:/a/b.db"), ("sqlite:b.db", "main=sqlite:/directory/b.db"),
        ("one=sqlite:b=c.db", "one=sqlite:/directory/b=c.db"), ("sqlite:///a/b.db", "main=sqlite:/a/b.db"),
        ("sqlite:a=b", "main=sqlite:/directory/a=b"), ("sqlite:a,b", "main=sqlite:/directory/a,b"),
        ("x=sqlite:/a?number=4095", "x=sqlite:/a?number=4095"),
        ("x=mysql://u:secret@h", "x=mariadb://u@h:3306/gearclock"), ("east-1=sqlite:/a", "east-1=sqlite:/a"),
    ])
    func `a location is a name and an absolute path`(text: String, expected: String) throws {
        #expect(try self.location(text).description == expected)
    }

    @Test(arguments: [
        "", "/a/b.db", "sqlite", "sqlite:", "sqlite:/a/", "sqlite::memory:", "sqlite://host/a", "=sqlite:/a",
        "mariadb://user:secret@host/data/base", "mysql:secret", "sqlite:/a?b", "sqlite:/a?number=",
        "sqlite:/a?number=4096",
        "sqlite:/a?number=1&number=2", "postgres://user:secret@host/database",
        "user:secret@host", "a b=sqlite:/a",
    ])
    func `anything else is refused without telling secrets`(text: String) {
        let failure = #expect(throws: CommandFailure.self) { try self.location(text) }
        #expect(failure?.status == .usage)
        #expect(failure?.message.hasPrefix("--store: ") == true)
        #expect(failure?.message.contains("secret") == false)
    }

    @Test func `the standard place follows XDG, root and home`() throws {
        let path = { (environment: [String: String], isRoot: Bool) in
            try StoreLocation.standard(environment: environment, isRoot: isRoot).description
        }
        #expect(
            try path(["XDG_STATE_HOME": "/state", "HOME": "/h"], true)
                == "main=sqlite:/state/gearclock/gearclock.sqlite")
        #expect(
            try path(["XDG_STATE_HOME": "state", "HOME": "/h"], false)
                == "main=sqlite:/h/.local/state/gearclock/gearclock.sqlite")
        #expect(try path(["HOME": "/root"], true) == "main=sqlite:/var/lib/gearclock/gearclock.sqlite")
        #expect(throws: CommandFailure.self) { try path([:], false) }
    }

    @Test func `the directory of the standard place is made, for its owner alone`() throws {
        let files = try TemporaryDirectory()
        defer { files.remove() }
        let location = try StoreLocation.standard(environment: ["XDG_STATE_HOME": files.path + "/x"], isRoot: false)
        try location.prepareDirectory()
        try location.prepareDirectory()
        #expect(try files.permissions(of: "x/gearclock") == 0o700)
    }

    @Test func `the directory of another place must be there`() throws {
        let files = try TemporaryDirectory()
        defer { files.remove() }
        let failure = #expect(throws: CommandFailure.self) {
            try self.location("sqlite:\(files.path)/no/such/tasks").prepareDirectory()
        }
        #expect(failure?.status == .usage)
    }
}
