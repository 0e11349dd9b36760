/// What libFuzzer calls with each input, built and run by `Scripts/fuzz server`: a script of several connections.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzServer(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    do {
        try JobServerScript.run(UnsafeBufferPointer(start: start, count: count))
    } catch {
        // A failed precondition says nothing in an optimised build.
        fatalError("\(error)")
    }
    return 0
}
