package users

import "strings"

// PhoneForms returns the forms in which a phone number that a person typed may
// be stored: with and without the country code, with and without its plus
// sign. It returns none for a string without digits. Eleven digits that begin
// with 1 are a mobile number of mainland China.
func PhoneForms(typed string) []string {
	var digits strings.Builder
	for _, r := range typed {
		if r >= '0' && r <= '9' {
			digits.WriteRune(r)
		}
	}
	number := digits.String()
	if !strings.HasPrefix(strings.TrimSpace(typed), "+") {
		number = strings.TrimPrefix(number, "00")
	}
	if number == "" {
		return nil
	}
	forms := []string{number, "+" + number}
	const china = "86"
	switch {
	case len(number) == 11 && number[0] == '1':
		forms = append(forms, china+number, "+"+china+number)
	case len(number) == 13 && strings.HasPrefix(number, china+"1"):
		forms = append(forms, number[len(china):])
	}
	return forms
}
