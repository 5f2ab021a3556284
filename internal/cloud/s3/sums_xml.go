package s3

// checksums are the elements that XML has for the checksums of an object or a part.
type checksums struct {
	ChecksumCRC32     string `xml:",omitempty"`
	ChecksumCRC32C    string `xml:",omitempty"`
	ChecksumCRC64NVME string `xml:",omitempty"`
	ChecksumSHA1      string `xml:",omitempty"`
	ChecksumSHA256    string `xml:",omitempty"`
	ChecksumSHA512    string `xml:",omitempty"`
	ChecksumMD5       string `xml:",omitempty"`
	ChecksumXXHASH64  string `xml:",omitempty"`
	ChecksumXXHASH3   string `xml:",omitempty"`
	ChecksumXXHASH128 string `xml:",omitempty"`
	ChecksumType      string `xml:",omitempty"`
}

func newChecksums(m map[string]string, kind string) *checksums {
	c := &checksums{
		ChecksumCRC32: m["CRC32"], ChecksumCRC32C: m["CRC32C"], ChecksumCRC64NVME: m["CRC64NVME"], ChecksumSHA1: m["SHA1"],
		ChecksumSHA256: m["SHA256"], ChecksumSHA512: m["SHA512"], ChecksumMD5: m["MD5"],
		ChecksumXXHASH64: m["XXHASH64"], ChecksumXXHASH3: m["XXHASH3"], ChecksumXXHASH128: m["XXHASH128"],
	}
	if len(m) > 0 {
		c.ChecksumType = kind
	}
	return c
}

// of gives the checksum of an algorithm; "" where it is not there.
func (c *checksums) of(algorithm string) string {
	return map[string]string{
		"CRC32": c.ChecksumCRC32, "CRC32C": c.ChecksumCRC32C, "CRC64NVME": c.ChecksumCRC64NVME, "SHA1": c.ChecksumSHA1,
		"SHA256": c.ChecksumSHA256, "SHA512": c.ChecksumSHA512, "MD5": c.ChecksumMD5,
		"XXHASH64": c.ChecksumXXHASH64, "XXHASH3": c.ChecksumXXHASH3, "XXHASH128": c.ChecksumXXHASH128,
	}[algorithm]
}
