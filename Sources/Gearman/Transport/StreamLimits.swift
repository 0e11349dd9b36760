/// The limits of one stream.
package enum StreamLimits {
    /// The most bytes taken from a socket by one read: large enough that a busy stream costs few system calls.
    package static let readBytes = 256 * 1024
    /// A stream reads more at once if all that it wanted was there, and took no longer than this: a system call costs
    /// a tenth of it.
    static let shortTurn: Duration = .microseconds(16)
    /// It reads less at once if what it read took longer than this: what small packets ask for is answered while the
    /// peer makes the next ones, and others have their turn.
    static let longTurn: Duration = .microseconds(60)
    /// The write buffer is full from here on: whoever makes the bytes should pause until ``StreamEvent/drained``.
    package static let writeBufferHighBytes = 4 * 1024 * 1024
    /// What a quiet stream reads at once; a busy one asks for more, up to `readBytes`.
    static let firstReadBytes = 4 * 1024
    /// A larger buffer is not kept for the next read.
    static let keptReadBytes = 64 * 1024
}
