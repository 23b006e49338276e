package membership

import (
	"github.com/studycall/studycall/postgres"
)

// CheckURL says, without connecting, what Open would about a URL of the web app's database that cannot be used. The message
// fits behind the flag's name, in one line and without the password.
func CheckURL(text string) error {
	parsed, err := postgres.ParsePrismaURL(text)
	if err != nil {
		return err
	}
	return postgres.CheckURL(parsed.Address)
}
