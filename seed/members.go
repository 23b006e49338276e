package seed

import (
	"fmt"

	"github.com/studycall/studycall/domain"
)

const (
	fewestMembers = 4
	mostMembers   = 15
	// fewest and most are how many come to a session to which anybody comes; the most is the domain's capacity as well.
	fewest = 2
	most   = 12
)

// Member is a user and the user's place in one study. Every study has its own users.
type Member struct {
	UserID string
	Name   string
	Email  string
	domain.Membership

	// attends is how many of a hundred sessions the member comes to.
	attends int
}

// members are a study's: an owner, an admin, and the last one left the study half way through.
func members(c chance, ids string) []Member {
	result := make([]Member, fewestMembers+c.IntN(mostMembers-fewestMembers+1))
	for i := range result {
		id := fmt.Sprintf("%s-%d", ids, i+1)
		result[i] = Member{
			UserID: id, Name: personName(c), Email: id + "@example.com",
			Membership: domain.Membership{Role: domain.Member, Status: domain.Active},
			attends:    40 + c.IntN(56),
		}
	}
	result[0].Role, result[1].Role = domain.Owner, domain.Admin
	result[len(result)-1].Status = "LEFT"
	return result
}

// attendees are those who come to a session, in no order; in a second half without the one who has left the study.
func attendees(c chance, all []Member, secondHalf bool) []string {
	if secondHalf {
		all = all[:len(all)-1]
	}
	users := make([]string, 0, most)
	for _, i := range c.Perm(len(all)) {
		if len(users) < fewest || len(users) < most && c.of(all[i].attends) {
			users = append(users, all[i].UserID)
		}
	}
	return users
}

func personName(c chance) string {
	family := [...]string{
		"김", "이", "박", "최", "정", "강", "조", "윤", "장", "임", "한", "오", "서", "신", "권", "황", "안", "송", "류", "홍",
	}
	given := [...]string{
		"민준", "서연", "도윤", "지우", "예준", "하은", "시우", "서윤", "주원", "지민", "하준", "수아", "지호", "채원", "준서", "다은",
		"현우", "예린", "건우", "소율", "우진", "유나", "선우", "지안", "은우", "수빈", "정훈", "혜진", "태현", "나연",
	}
	return family[c.IntN(len(family))] + given[c.IntN(len(given))]
}

func studyName(n int) string {
	topics := [...]string{
		"알고리즘", "자료구조", "운영체제", "데이터베이스", "네트워크", "CS 면접", "코딩 테스트", "토익", "영어 회화", "일본어",
		"정보처리기사", "공무원 시험", "수학", "경제", "독서", "Go 언어", "리액트", "머신러닝", "디자인", "취업 준비",
	}
	name := topics[(n-1)%len(topics)] + " 스터디"
	if group := (n-1)/len(topics) + 1; group > 1 {
		name = fmt.Sprintf("%s %d기", name, group)
	}
	return name
}
