package studycall_test

import (
	"slices"
	"strings"
	"testing"
)

const (
	// longestFile is the largest number of lines of a file, and medianFile the limit of the median.
	longestFile = 400
	medianFile  = 150
)

func TestEveryPackageHasADocComment(t *testing.T) {
	t.Parallel()
	documented := map[string]bool{}
	for _, file := range sources(t) {
		if !file.test {
			doc := strings.TrimSpace(file.syntax.Doc.Text())
			documented[file.folder] = documented[file.folder] || doc != ""
		}
	}
	for folder, has := range documented {
		if !has {
			t.Errorf("package %s has no comment that states its content", folder)
		}
	}
}

func TestPackageNamesDescribeTheContent(t *testing.T) {
	t.Parallel()
	vague := []string{"util", "utils", "common", "helper", "helpers", "manager", "misc", "shared", "base"}
	for _, file := range sources(t) {
		if name := strings.TrimSuffix(file.syntax.Name.Name, "_test"); slices.Contains(vague, name) {
			t.Errorf("%s: the name of package %s does not describe its content", file.name, name)
		}
	}
}

func TestFilesAreShort(t *testing.T) {
	t.Parallel()
	var lengths []int
	for _, file := range sources(t) {
		lengths = append(lengths, file.lines)
		if file.lines > longestFile {
			t.Errorf("%s has %d lines, more than %d", file.name, file.lines, longestFile)
		}
	}
	slices.Sort(lengths)
	if median := lengths[len(lengths)/2]; median >= medianFile {
		t.Errorf("the median file has %d lines, not less than %d", median, medianFile)
	}
}
