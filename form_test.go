package studycall_test

import (
	"os"
	"regexp"
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

// Readers have only this repository: a comment must not refer to a document outside it.
func TestCommentsReferToThisRepository(t *testing.T) {
	t.Parallel()
	// The numbered sections of public standards are exempt.
	outside := regexp.MustCompile(`(?i)\bthe contract\b|\bcontract's\b|\bsections? [0-9]`)
	public := regexp.MustCompile(`RFC|UAX|protocol`)
	document := regexp.MustCompile(`[\w/.-]+\.md\b`)
	for _, file := range sources(t) {
		for _, comment := range file.syntax.Comments {
			text := strings.Join(strings.Fields(comment.Text()), " ")
			if found := outside.FindString(text); found != "" && !public.MatchString(text) {
				t.Errorf("%s refers to %q: state the content instead", file.name, found)
			}
			for _, name := range document.FindAllString(text, -1) {
				if _, err := os.Stat(name); err != nil {
					t.Errorf("%s refers to %s: name a document by its path from the root", file.name, name)
				}
			}
		}
	}
}
