// Package rawjson takes JSON apart without decoding it: it checks it, and splits arrays and objects into the texts of
// their values, which share memory with what they were split from. What clients send to one another is so passed on byte for
// byte. It imports nothing of ours.
//
// It takes what RFC 8259 and encoding/json take, less what is nested more than Depth deep. An offer with 2.5 KB of SDP is
// gone through in 2 µs where encoding/json takes 19 (BenchmarkObject).
package rawjson
